"""A model's way, in one piece: `story.py SERVER COMMAND…`, where SERVER is a program that speaks S3
and COMMAND that of the project.

A model that a package ships, with shards of safetensors beside it, is sealed to an object store;
the upload is killed and gone on with. A gateway serves it from there, its loaders read, and its
own runtime says to the last digit what it says with the plain files. Then the same of a copy that
was sealed anew from the store into the store.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import boto3
import magika
import numpy
import onnxruntime
import s3fs
import safetensors.numpy
from checks import expect, finish
from deploy import MAGIKA, ROOT, array, gateway
from store import BUCKET, Store, at

SHIPPED = Path(magika.__file__).parent / 'models' / 'standard_v3_3'
SHARDS = 3

# What a loader does that wants files: from the gateway into memory, and into the runtime.
STREAMED = """
import os, sys, tempfile
import s3fs
with tempfile.TemporaryDirectory(dir=sys.argv.pop(1)) as memory:
    s3fs.S3FileSystem().get('weights/shipped/', memory, recursive=True)
    os.environ['STRONGROOM_MODEL'] = memory
    exec(os.environ['PROGRAM'])
"""


def make_model(root: Path) -> dict[str, numpy.ndarray]:
    """The shipped model, and shards that are several parts of an upload long."""
    shutil.copytree(SHIPPED, root / 'shipped')
    tensors, weight_map = {}, {}
    for shard in range(1, SHARDS + 1):
        name = f'model-{shard:05}-of-{SHARDS:05}.safetensors'
        held = {f'layers.{shard}.{part}': array(2500, 1200) for part in ('down', 'up')}
        safetensors.numpy.save_file(held, root / name, metadata={'format': 'np'})
        weight_map |= dict.fromkeys(held, name)
        tensors |= held
    index = {'metadata': {}, 'weight_map': weight_map}
    (root / 'model.safetensors.index.json').write_text(json.dumps(index))
    return tensors


def output_of(program: str, env: dict[str, str], *words: object) -> str:
    """What the model's own program says of files that are there for everybody."""
    files = [*sorted(map(str, (ROOT / 'src').glob('*.ts'))), str(ROOT / 'README.md')]
    command = [sys.executable, '-c', program, *map(str, words), *files]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    expect('the program of the model runs', result.returncode == 0, result.stderr)
    return result.stdout


def seal_killed(store: Store) -> None:
    """The upload is killed in its middle; the same command goes on with it."""
    people = ('-r', 'node.id.card', '-r', 'lab.id.card', '--sign', 'lab.id')
    seal = ('seal', 'weights', '-o', at('weights.srm'), *people)
    process = store.start(*seal)
    expect('killed in mid-upload', store.until_parts(2, process))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = store.client.list_objects_v2(Bucket=BUCKET, Prefix='weights.srm')
    expect('nothing has the name', 'Contents' not in found)
    _, err = store.done('goes on', *seal)
    expect('with parts that are there', 'goes on with an upload' in err, err)
    expect('and leaves nothing', not store.uploads() and not store.kept())


def check_lists_and_ranges(plain: Path) -> None:
    client = boto3.session.Session().client('s3')
    pages = client.get_paginator('list_objects_v2').paginate(Bucket='weights')
    listed = {item['Key']: item['Size'] for page in pages for item in page['Contents']}
    files = [path for path in plain.rglob('*') if path.is_file()]
    sizes = {str(path.relative_to(plain)): path.stat().st_size for path in files}
    expect('boto3 lists what was sealed', listed == sizes, listed)
    for path in files:
        key, size = str(path.relative_to(plain)), path.stat().st_size
        begin = size // 3
        asked = f'bytes={begin}-{min(size, begin + 2_500_000) - 1}'
        part = client.get_object(Bucket='weights', Key=key, Range=asked)['Body'].read()
        expect(f'boto3: a range of {key}', part == path.read_bytes()[begin : begin + len(part)])


def check_shards(env: dict[str, str], tensors: dict[str, numpy.ndarray]) -> None:
    """Tensors by ranges, as the index and headers say where they are; and whole files."""
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    index = json.loads(files.cat('weights/model.safetensors.index.json'))
    same = True
    for name, shard in index['weight_map'].items():
        with files.open(f'weights/{shard}', 'rb', block_size=2**22) as remote:
            length = int.from_bytes(remote.read(8), 'little')
            entry = json.loads(remote.read(length))[name]
            begin, end = entry['data_offsets']
            remote.seek(8 + length + begin)
            values = numpy.frombuffer(remote.read(end - begin), '<f4').reshape(entry['shape'])
            same = same and numpy.array_equal(values, tensors[name])
    expect('s3fs streams the shards', same)
    headers = {'Authorization': f'Bearer {env["STRONGROOM_TOKEN"]}'}
    found = {}
    for shard in sorted(set(index['weight_map'].values())):
        url = f'{env["STRONGROOM_URL"]}/weights/{shard}'
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            found |= safetensors.numpy.load(response.read())
    same = all(numpy.array_equal(found[name], values) for name, values in tensors.items())
    expect('safetensors over HTTP', same and found.keys() == tensors.keys())


def check_runtime(plain: Path) -> None:
    """The runtime, fed from memory: every number of its output."""
    sealed = s3fs.S3FileSystem(skip_instance_cache=True).cat('weights/shipped/model.onnx')
    path = plain / 'shipped' / 'model.onnx'
    sessions = [onnxruntime.InferenceSession(model) for model in (str(path), sealed)]
    (wanted,) = sessions[0].get_inputs()
    shape = [size if isinstance(size, int) else 4 for size in wanted.shape]
    tokens = numpy.random.default_rng(3).integers(0, 256, shape, dtype=numpy.int32)
    one, other = (session.run(None, {wanted.name: tokens}) for session in sessions)
    expect('the runtime says the same', all(map(numpy.array_equal, one, other)))


def check_served(store: Store, address: str, tensors: dict, memory: Path, said: str) -> None:
    plain = store.scratch / 'weights'
    keys = ['-i', store.scratch / 'node.id', '--signer', store.scratch / 'lab.id.card']
    served = gateway(
        store.command, store.scratch, keys, f'weights={address}', inherit=store.environment
    )
    with served as env:
        upstream = {name: value for name, value in os.environ.items() if name.startswith('AWS_')}
        os.environ |= env
        check_lists_and_ranges(plain)
        check_shards(env, tensors)
        check_runtime(plain)
        # Nothing of the store's own credentials: the gateway's are enough
        loader = {**os.environ, 'PROGRAM': MAGIKA}
        expect('its program says the same', output_of(STREAMED, loader, memory) == said)
        for name in env:
            os.environ.pop(name, None)
        os.environ |= upstream


def main(server: str, command: list[str]) -> int:
    command = [str(Path(word).resolve()) if Path(word).is_file() else word for word in command]
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    shm = Path('/dev/shm')
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as memory,
    ):
        scratch = Path(name)
        store = Store(command, scratch, server)
        try:
            for who in ('lab', 'node'):
                store.done('keygen', 'keygen', '--name', who, '--plain', '-o', f'{who}.id')
            (scratch / 'weights').mkdir()
            tensors = make_model(scratch / 'weights')
            said = output_of(MAGIKA, dict(os.environ))
            expect('the plain model says something', len(said.splitlines()) > 5)
            seal_killed(store)
            check_served(store, at('weights.srm'), tensors, Path(memory), said)

            opening = ('-i', 'node.id', '--signer', 'lab.id.card')
            run = ('run', at('weights.srm'), '--only', 'shipped/*', '--dir', memory, '-q', *opening)
            shipped = "import os; os.environ['STRONGROOM_MODEL'] += '/shipped'\n" + MAGIKA
            files = said.splitlines()
            program = (sys.executable, '-c', shipped, *(line.split(' ')[0] for line in files))
            out, _ = store.done('run, from the store', *run, '--', *program)
            expect('says the same', out.decode() == said)
            expect('and leaves nothing', not list(Path(memory).iterdir()))

            lab = ('-i', 'lab.id', '--signer', 'lab.id.card')
            anew = ('-o', at('anew.srm'), '-r', 'node.id.card')
            store.done('rekey, in the store', 'rekey', at('weights.srm'), *anew, *lab)
            expect('and leaves nothing', not store.uploads() and not store.kept())
            status, _, err = store.run('rekey', at('weights.srm'), *anew, *lab)
            expect('nothing is overwritten', status == 2 and 'exists already' in err, err)
            check_served(store, at('anew.srm'), tensors, Path(memory), said)
        finally:
            store.server.terminate()
            store.server.wait()
    return finish()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
