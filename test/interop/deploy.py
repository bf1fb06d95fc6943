"""Sealed weights in the hands of real clients: `deploy.py COMMAND…`, where COMMAND is that of the
project.

A gateway serves archives; boto3, s3fs, fsspec, safetensors, GGUF and ONNX runtimes read from it,
and `run` gives a model to its own program. Everything must be as it is with the plain files.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions
import fsspec
import gguf
import magika
import numpy
import onnxruntime
import s3fs
import safetensors.numpy
from boto3.s3.transfer import TransferConfig
from checks import expect, finish

ROOT = Path(__file__).resolve().parents[2]
RANDOM = numpy.random.default_rng(18)


def made(*words: object) -> str:
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f'{words}: {result.stderr}')
    return result.stdout


def array(*shape: int) -> numpy.ndarray:
    return RANDOM.standard_normal(shape, dtype=numpy.float32)


def make_sharded(root: Path) -> dict[str, numpy.ndarray]:
    """A model in two shards of some segments each, with the index that loaders read."""
    root.mkdir()
    shards = [
        {f'layers.{2 * shard + i}.weight': array(700, 1000) for i in range(2)} for shard in range(2)
    ]
    weight_map = {}
    for i, tensors in enumerate(shards, 1):
        name = f'model-{i:05}-of-00002.safetensors'
        safetensors.numpy.save_file(tensors, root / name, metadata={'format': 'np'})
        weight_map |= dict.fromkeys(tensors, name)
    index = {'metadata': {'total_size': 11200000}, 'weight_map': weight_map}
    (root / 'model.safetensors.index.json').write_text(json.dumps(index))
    (root / 'config.json').write_text('{"architectures": ["Example"]}')
    return shards[0] | shards[1]


def make_gguf(path: Path) -> dict[str, numpy.ndarray]:
    """As llama.cpp's own writer writes it, vocabulary included."""
    tensors = {'token_embd.weight': array(300, 64), 'output_norm.weight': array(64)}
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_name('example')
    writer.add_custom_alignment(64)
    writer.add_token_list([f'token {i}' for i in range(40000)])
    writer.add_token_scores([0.5] * 40000)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    blocks = gguf.quants.quantize(array(8, 256), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor('blk.0.q', blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors | {'blk.0.q': blocks}


@contextmanager
def gateway(command: list[str], work: Path, keys: list[object], *archives: str, inherit=None):
    """A gateway's environment, while it serves; `inherit` is what it has itself."""
    env = work / 'gateway.env'
    words = [*command, 'serve', *archives, '--write-env', env, '-q', *keys]
    process = subprocess.Popen([str(word) for word in words], env=inherit)
    try:
        while not env.exists():
            if process.poll() is not None:
                raise SystemExit('the gateway does not start')
            time.sleep(0.05)
        yield dict(line.split('=', 1) for line in env.read_text().splitlines())
    finally:
        process.send_signal(signal.SIGTERM)
        expect('the gateway ends well', process.wait(30) == 0)


def check_http(env: dict[str, str], plain: Path, tensors: dict[str, numpy.ndarray]) -> None:
    """safetensors and fsspec over plain HTTP."""
    headers = {'Authorization': f'Bearer {env["STRONGROOM_TOKEN"]}'}
    found = {}
    for file in sorted(plain.glob('*.safetensors')):
        url = f'{env["STRONGROOM_URL"]}/sharded/{file.name}'
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            found |= safetensors.numpy.load(response.read())
    same = all(numpy.array_equal(found[name], values) for name, values in tensors.items())
    expect('safetensors over HTTP', same and found.keys() == tensors.keys())
    files = fsspec.filesystem('http', client_kwargs={'headers': headers})
    file = next(plain.glob('*.safetensors'))
    with files.open(f'{env["STRONGROOM_URL"]}/sharded/{file.name}', block_size=65536) as remote:
        remote.seek(2_000_000)
        expect('fsspec by ranges', remote.read(1000) == file.read_bytes()[2_000_000:2_001_000])


def check_boto3(env: dict[str, str], plain: Path, work: Path) -> None:
    client = boto3.client('s3')
    buckets = [bucket['Name'] for bucket in client.list_buckets()['Buckets']]
    expect('boto3 lists archives', buckets == ['sharded', 'gguf', 'magika'], buckets)
    pages = client.get_paginator('list_objects_v2').paginate(
        Bucket='sharded', PaginationConfig={'PageSize': 1}
    )
    listed = {item['Key']: item['Size'] for page in pages for item in page['Contents']}
    sizes = {path.name: path.stat().st_size for path in plain.iterdir()}
    expect('boto3 lists files, by pages', listed == sizes, listed)
    name = next(name for name in sizes if name.endswith('.safetensors'))
    content = (plain / name).read_bytes()
    part = client.get_object(Bucket='sharded', Key=name, Range='bytes=1000000-2999999')
    expect('boto3 ranges', part['Body'].read() == content[1000000:3000000])
    head = client.head_object(Bucket='sharded', Key=name)
    expect('boto3 head', head['ContentLength'] == len(content) and head['ETag'] == part['ETag'])
    config = TransferConfig(multipart_threshold=2**20, multipart_chunksize=2**20, max_concurrency=8)
    client.download_file('sharded', name, str(work / 'downloaded'), Config=config)
    expect('boto3 in parallel', (work / 'downloaded').read_bytes() == content)
    signer = boto3.client('s3', config=botocore.config.Config(signature_version='s3v4'))
    url = signer.generate_presigned_url('get_object', {'Bucket': 'sharded', 'Key': name})
    with urllib.request.urlopen(url) as response:
        expect('a presigned URL', response.read() == content)
    key, secret = env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']

    def with_keys(key: str, secret: str):
        return boto3.client('s3', aws_access_key_id=key, aws_secret_access_key=secret)

    for code, call in (
        ('NoSuchKey', lambda: client.get_object(Bucket='sharded', Key='none')),
        ('NoSuchBucket', lambda: client.list_objects_v2(Bucket='none')),
        ('MethodNotAllowed', lambda: client.delete_object(Bucket='sharded', Key=name)),
        ('InvalidAccessKeyId', lambda: with_keys('SRMOTHER', secret).list_buckets()),
        ('SignatureDoesNotMatch', lambda: with_keys(key, 'other').list_buckets()),
    ):
        try:
            call()
            expect(f'boto3 is refused: {code}', False)
        except botocore.exceptions.ClientError as error:
            expect(f'boto3 is refused: {code}', error.response['Error']['Code'] == code, error)


def check_s3fs(plain: Path, tensors: dict[str, numpy.ndarray]) -> None:
    """A sharded model, streamed: the index says where a tensor is, ranges bring it."""
    files = s3fs.S3FileSystem()
    expect('s3fs lists', len(files.ls('sharded')) == len(list(plain.iterdir())))
    index = json.loads(files.cat('sharded/model.safetensors.index.json'))
    same = True
    for name, shard in index['weight_map'].items():
        with files.open(f'sharded/{shard}', 'rb', block_size=2**20) as remote:
            length = int.from_bytes(remote.read(8), 'little')
            entry = json.loads(remote.read(length))[name]
            begin, end = entry['data_offsets']
            remote.seek(8 + length + begin)
            values = numpy.frombuffer(remote.read(end - begin), '<f4').reshape(entry['shape'])
            same = same and numpy.array_equal(values, tensors[name])
    expect('s3fs streams a sharded model', same)
    whole = files.cat('sharded/config.json')
    expect('s3fs reads', whole == (plain / 'config.json').read_bytes())


def check_onnx(plain: Path, work: Path) -> None:
    """A model that a package ships: its runtime, fed by the gateway, says the same."""
    path = plain / 'model.onnx'
    sealed = s3fs.S3FileSystem().cat('magika/model.onnx')
    expect('the ONNX model is the same', hashlib.sha256(sealed).digest() == sha256(path))
    sessions = [onnxruntime.InferenceSession(model) for model in (str(path), sealed)]
    (wanted,) = sessions[0].get_inputs()
    shape = [size if isinstance(size, int) else 4 for size in wanted.shape]
    tokens = RANDOM.integers(0, 256, shape, dtype=numpy.int32)
    one, other = (session.run(None, {wanted.name: tokens}) for session in sessions)
    expect('its output is identical', all(map(numpy.array_equal, one, other)))


def sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


MAGIKA = """
import os, sys
from pathlib import Path
from magika import Magika
model = os.environ.get('STRONGROOM_MODEL')
found = Magika(model_dir=Path(model)) if model else Magika()
for path in sys.argv[1:]:
    result = found.identify_path(Path(path))
    print(path, result.output.label, repr(result.score))
"""


def check_run(command: list[str], work: Path, keys: list[object]) -> None:
    """The model's own program, given the model by `run`."""
    files = sorted(map(str, (ROOT / 'src').glob('*.ts'))) + [str(ROOT / 'README.md'), __file__]
    program = [sys.executable, '-c', MAGIKA, *files]
    options = ['--dir', work, '-q', *keys, '--']
    plain = made(*program)
    expect('run: the same output', made(*command, 'run', work / 'magika.srm', *options, *program) == plain)
    expect('run: nothing is left', not list(work.glob('strongroom-run-*')))
    expect('run: there was output', len(plain.splitlines()) == len(files))


def check_tensors(command: list[str], work: Path, keys: list[object], plain: dict) -> None:
    """`ls --tensors` and `cat --tensor` against the libraries of the formats."""
    for name, tensors in plain.items():
        archive = work / f'{name}.srm'
        listed = json.loads(made(*command, 'ls', archive, '--tensors', '--json', *keys))['tensors']
        sizes = {each['name']: each['bytes'] for each in listed}
        expect(f'{name}: tensors', sizes == {key: each.nbytes for key, each in tensors.items()})
        for key, values in tensors.items():
            words = [*command, 'cat', archive, '--tensor', key, *keys]
            found = subprocess.run([str(word) for word in words], capture_output=True).stdout
            expect(f'{name}: {key}', found == values.tobytes())
    types = {t.value: (t.name, *gguf.constants.GGML_QUANT_SIZES[t]) for t in gguf.GGMLQuantizationType}
    script = "import('./dist/archive/tensors/ggml.js').then((m)=>console.log(JSON.stringify(m.ggmlTypes)))"
    rows = json.loads(made(command[0], '-e', script)) if command[0] == 'node' else None
    if rows is not None:
        # gguf 0.19 knows no Q2_0 yet, and takes the scale and sum of a Q8_1 for floats of four
        # bytes; in the struct of ggml, which is what models are read with, they have two each
        types |= {9: ('Q8_1', 32, 2 + 2 + 32), 42: ('Q2_0', 64, 2 + 64 // 4)}
        ours = {int(number): tuple(row) for number, row in rows.items()}
        expect('types of GGUF', ours == types, ours.items() ^ types.items())


def main(command: list[str]) -> int:
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        os.environ['STRONGROOM_STATE_DIR'] = str(work / 'state')
        made(*command, 'keygen', '--name', 'lab', '--plain', '-o', work / 'lab')
        keys = ['-i', work / 'lab', '--signer', work / 'lab.card']
        sharded = make_sharded(work / 'sharded')
        (work / 'gguf').mkdir()
        quantized = make_gguf(work / 'gguf' / 'model.gguf')
        models = {
            'sharded': work / 'sharded',
            'gguf': work / 'gguf',
            'magika': Path(magika.__file__).parent / 'models' / 'standard_v3_3',
        }
        for name, model in models.items():
            signed = ('-r', work / 'lab.card', '--sign', work / 'lab')
            made(*command, 'seal', model, '-o', work / f'{name}.srm', *signed)
        archives = [f'{name}={work / name}.srm' for name in models]
        with gateway(command, work, keys, *archives) as env:
            os.environ |= env
            check_http(env, models['sharded'], sharded)
            check_boto3(env, models['sharded'], work)
            check_s3fs(models['sharded'], sharded)
            check_onnx(models['magika'], work)
        check_run(command, work, keys)
        check_tensors(command, work, keys, {'sharded': sharded, 'gguf': quantized})
    return finish()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
