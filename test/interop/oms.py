"""Models that a writer signs, held against the reference implementation of Open Model Signing, and
the other way round: `oms.py COMMAND…`, where COMMAND is that of the project.

Prints what failed, then `N passed, N failed`; the exit status follows.
"""

import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing, signing, verifying

RANDOM = random.Random(5)
MEBIBYTE = 2**20
FILES = {
    'model-00001.safetensors': RANDOM.randbytes(3 * MEBIBYTE + 17),
    'exact.bin': RANDOM.randbytes(2 * MEBIBYTE),
    'a/b.json': b'{}',
    'a-b': b'before a/b.json by code points, behind it by components',
    'naïve ☃ 模型 😀.txt': b'x',
    '～': b'before the one above by UTF-16, behind it by code points',
    'zero\u200dwidth': b'a name that no terminal should see as it is',
    'empty': b'',
    '.gitignore': b'*.tmp',
    '.git/config': b'[core]',
    'sub/.gitignore': b'is signed',
}
CURVES = {'P-256': ec.SECP256R1(), 'P-384': ec.SECP384R1()}
METHODS = {
    'files': ((), lambda config: config.use_file_serialization()),
    'shards': (
        ('--shard-size', '1MiB'),
        lambda config: config.use_shard_serialization(shard_size=MEBIBYTE),
    ),
}
PASSPHRASE = 'correct horse'

passed, failed = 0, 0


def expect(name: str, condition: object, detail: object = '') -> bool:
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f'failed: {name} {detail}'.strip())
    return bool(condition)


def make_model(root: Path) -> None:
    for path, content in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def make_keys(work: Path, curve: ec.EllipticCurve) -> tuple[Path, Path, Path]:
    """A private key, the same with a passphrase, and the public key."""
    key = ec.generate_private_key(curve)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    lock = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    files = {
        'plain.pem': key.private_bytes(*form, serialization.NoEncryption()),
        'locked.pem': key.private_bytes(*form, lock),
        'public.pem': public,
    }
    for name, pem in files.items():
        (work / name).write_bytes(pem)
    return work / 'plain.pem', work / 'locked.pem', work / 'public.pem'


def reference_accepts(model: Path, bundle: Path, public: Path) -> bool:
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=public)
        config.verify(model, bundle)
        return True
    except ValueError:
        return False


def payload_of(bundle: Path) -> bytes:
    parsed = json.loads(bundle.read_bytes())
    return base64.b64decode(parsed.get('dsseEnvelope', parsed)['payload'])


def check_curve(command: list[str], work: Path, curve: str) -> None:
    def run(*words: object) -> subprocess.CompletedProcess:
        environment = {**os.environ, 'STRONGROOM_STATE_DIR': str(work / 'state')}
        return subprocess.run([*command, *map(str, words)], capture_output=True, env=environment)

    def made(name: str, *words: object) -> bool:
        result = run(*words)
        return expect(f'{curve} {name}', result.returncode == 0, result.stderr.decode())

    plain, locked, public = make_keys(work, CURVES[curve])
    model = work / 'model'
    make_model(model)
    made('keygen', 'keygen', '--name', 'lab', '--plain', '-o', work / 'lab')
    passphrase = work / 'passphrase'
    passphrase.write_text(PASSPHRASE)
    unlock = ('--key-passphrase-file', passphrase)

    for method, (options, configure) in METHODS.items():
        name = f'{curve} {method}'
        ours, theirs = work / f'{method}.ours.sig', work / f'{method}.theirs.sig'
        if not made(
            f'{method} sign', 'oms', 'sign', model, '--key', locked, *unlock, '-o', ours, *options
        ):
            continue
        expect(f'{name} the reference accepts ours', reference_accepts(model, ours, public))
        config = signing.Config().use_elliptic_key_signer(private_key=plain)
        config.set_hashing_config(configure(hashing.Config())).sign(model, theirs)
        verify = ('oms', 'verify', model, '--key', public, '--bundle')
        made(f'{method} we accept theirs', *verify, theirs)
        made(f'{method} we accept ours', *verify, ours)
        digests = [
            {resource['name']: resource for resource in parsed['predicate']['resources']}
            for parsed in (json.loads(payload_of(bundle)) for bundle in (ours, theirs))
        ]
        expect(f'{name} the same is signed', digests[0] == digests[1])

        extra = model / 'extra'
        extra.write_bytes(b'')
        # A file without bytes has no shards: only whole files tell that it is there
        seen = method == 'files'
        expect(f'{name} both see a file more', reference_accepts(model, ours, public) != seen)
        expect(f'{name} and we', (run(*verify, theirs).returncode == 3) == seen)
        extra.unlink()
        changed = model / 'exact.bin'
        changed.write_bytes(FILES['exact.bin'][:-1] + b'?')
        expect(f'{name} the reference sees a change', not reference_accepts(model, ours, public))
        expect(f'{name} we see a change', run(*verify, theirs).returncode == 3)
        changed.write_bytes(FILES['exact.bin'])

    # In the model, beside the same statement by an identity, through an archive and back
    archive, opened = work / 'model.srm', work / 'opened'
    made('sign inside', 'oms', 'sign', model, '--key', plain, '--sign', work / 'lab')
    bundle, envelope = model / 'model.sig', model / 'model.intoto.jsonl'
    expect(f'{curve} the same payload', payload_of(bundle) == payload_of(envelope))
    expect(f'{curve} the reference accepts it inside', reference_accepts(model, bundle, public))
    signer = ('--sign', work / 'lab', '-r', work / 'lab.card')
    made('seal', 'seal', model, '-o', archive, *signer, '--oms', '--verify-oms', public)
    access = ('-i', work / 'lab', '--signer', work / 'lab.card')
    exported = run('oms', 'export', archive, *access)
    expect(f'{curve} the archive says the same', exported.stdout == payload_of(bundle))
    made('open', 'open', archive, '-o', opened, *access)
    back = opened / 'model.sig'
    expect(f'{curve} the reference accepts what came back', reference_accepts(opened, back, public))
    digest = json.loads(payload_of(bundle))['subject'][0]['digest']['sha256']
    names = sorted(
        (path for path in FILES if not path.startswith('.git')), key=lambda path: path.encode()
    )
    joined = b''.join(hashlib.sha256(FILES[path]).digest() for path in names)
    expect(f'{curve} the root', digest == hashlib.sha256(joined).hexdigest())
    shutil.rmtree(opened)


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        for curve in CURVES:
            work = Path(scratch, curve)
            work.mkdir()
            check_curve(command, work, curve)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
