"""Archives in an object store: `store.py COMMAND…`, where COMMAND is that of the project.

A server that speaks S3 runs beside it, and the store's own client looks at what is there. Prints
what failed, then `N passed, N failed`; the exit status follows.
"""

import filecmp
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from checks import expect, finish

BUCKET = 'models'
SECRET = 'a-secret-that-nobody-may-see'
BIG = 90_000_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Store:
    """The server, its client, and the command as its user runs it."""

    def __init__(self, command: list[str], scratch: Path, server: str = 'moto_server') -> None:
        self.command, self.scratch = command, scratch
        port = free_port()
        endpoint = f'http://127.0.0.1:{port}'
        self.state = scratch / 'state'
        self.environment = {
            **os.environ,
            'AWS_ENDPOINT_URL': endpoint,
            'AWS_ACCESS_KEY_ID': 'tester',
            'AWS_SECRET_ACCESS_KEY': SECRET,
            'AWS_REGION': 'us-east-1',
            'STRONGROOM_STATE_DIR': str(self.state),
        }
        os.environ.update(AWS_ACCESS_KEY_ID='tester', AWS_SECRET_ACCESS_KEY=SECRET)
        self.server = subprocess.Popen(
            [Path(sys.executable).parent / server, '-H', '127.0.0.1', '-p', str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1')
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    break
            time.sleep(0.1)
        self.client.create_bucket(Bucket=BUCKET)

    def start(self, *words: object, stdin: object = None) -> subprocess.Popen:
        return subprocess.Popen(
            [*self.command, *map(str, words)],
            cwd=self.scratch,
            env=self.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: object, stdin: object = None) -> tuple[int, bytes, str]:
        process = self.start(*words, stdin=stdin)
        out, err = process.communicate()
        expect(f'no secret in what {words[0]} says', SECRET.encode() not in out + err)
        return process.returncode, out, err.decode()

    def done(self, name: str, *words: object, stdin: object = None) -> tuple[bytes, str]:
        status, out, err = self.run(*words, stdin=stdin)
        expect(name, status == 0, err)
        return out, err

    def uploads(self) -> list:
        return self.client.list_multipart_uploads(Bucket=BUCKET).get('Uploads', [])

    def kept(self) -> list[Path]:
        return list(self.state.glob('uploads/*.upload'))

    def until_parts(self, count: int, process: subprocess.Popen) -> bool:
        """Waits until the state of an upload names so many parts."""
        while process.poll() is None:
            lines = sum(path.read_bytes().count(b'\n') for path in self.kept())
            if lines > count:
                return True
            time.sleep(0.01)
        return False


SEALING = ('-r', 'node.id.card', '--sign', 'lab.id')
OPENING = ('-i', 'node.id', '--signer', 'lab.id.card')


def at(key: str) -> str:
    return f's3://{BUCKET}/{key}'


def same(store: Store, name: str, key: str, source: str) -> None:
    output = store.scratch / f'opened-{key.replace("/", "-")}'
    store.done(f'{name}: open', 'open', at(key), '-o', output, *OPENING)
    compared = filecmp.dircmp(store.scratch / source, output)
    names = compared.left_list
    _, differ, odd = filecmp.cmpfiles(compared.left, compared.right, names, shallow=False)
    expect(f'{name}: what was sealed', not (differ or odd or compared.right_only), differ + odd)


def check_small(store: Store) -> None:
    store.done('seal', 'seal', 'small', '-o', at('a b/small.srm'), *SEALING)
    head = store.client.get_object(Bucket=BUCKET, Key='a b/small.srm', Range='bytes=0-7')
    expect('an archive is there', head['Body'].read() == b'\x89SRM\r\n\x1a\n')
    same(store, 'small', 'a b/small.srm', 'small')
    store.done('verify', 'verify', at('a b/small.srm'), '--signer', 'lab.id.card')
    store.done('inspect', 'inspect', at('a b/small.srm'))
    out, _ = store.done('ls', 'ls', at('a b/small.srm'), *OPENING)
    expect('its files', out == b'config.json\nweights\n', out)
    out, _ = store.done('cat', 'cat', at('a b/small.srm'), 'config.json', *OPENING)
    expect('one of them', out == b'{}', out)

    status, _, err = store.run('seal', 'small', '-o', at('a b/small.srm'), *SEALING)
    expect('nothing is overwritten', status == 2 and 'exists already' in err, err)
    store.done('unless asked', 'seal', 'small', '-o', at('a b/small.srm'), *SEALING, '--overwrite')
    for key, word in (('nope', 'not there'), ('../x', 'not there')):
        status, _, err = store.run('inspect', at(key))
        expect(f'{key} is not there', status == 1 and word in err, err)
    status, _, err = store.run('inspect', 's3://no-such-bucket/x')
    expect('nor is the bucket', status == 1 and 'no such bucket' in err, err)


def check_rings(store: Store) -> None:
    store.done('seal for both', 'seal', 'small', '-o', at('both.srm'), *SEALING, '-r', 'lab.id.card')
    grant = ('grant', at('both.srm'), '-r', 'other.id.card', '-i', 'lab.id', '--signer', 'lab.id.card')
    status, _, err = store.run(*grant)
    expect('not changed in place', status == 2 and 'in place' in err, err)
    store.done('a detached ring in the store', *grant, '-o', at('both.ring'))
    status, _, err = store.run(*grant, '-o', at('both.ring'))
    expect('which is not overwritten', status == 2 and 'exists' in err, err)
    theirs = ('-i', 'other.id', '--signer', 'lab.id.card')
    store.done('opens with it', 'ls', at('both.srm'), *theirs, '--keyring', at('both.ring'))


def check_uploads(store: Store) -> None:
    out, _ = store.done('seal in parts', 'seal', 'big', '-o', at('big.srm'), *SEALING)
    same(store, 'big', 'big.srm', 'big')
    expect('no upload is left', not store.uploads() and not store.kept())

    seal = ('seal', 'big', '-o', at('killed.srm'), *SEALING)
    process = store.start(*seal)
    expect('killed in mid-upload', store.until_parts(3, process))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    expect('nothing has the name', 'Contents' not in listed(store, 'killed.srm'))
    expect('the upload is kept', len(store.uploads()) == 1 and len(store.kept()) == 1)
    [state] = store.kept()
    expect('by nobody else to be read', state.stat().st_mode & 0o777 == 0o600)
    _, err = store.done('goes on', *seal)
    parts = int(err.split('of which ')[1].split()[0]) if 'of which ' in err else 0
    expect('with what is there', parts >= 3, err)
    same(store, 'killed', 'killed.srm', 'big')
    expect('and leaves nothing', not store.uploads() and not store.kept())

    seal = ('seal', 'big', '-o', at('other.srm'), *SEALING)
    process = store.start(*seal)
    store.until_parts(2, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (store.scratch / 'big/more').write_bytes(b'more')
    _, err = store.done('anew, since the files changed', *seal)
    expect('and the old upload is given up', 'gave up' in err and not store.uploads(), err)
    same(store, 'other', 'other.srm', 'big')

    process = store.start('seal', 'big', '-o', at('stopped.srm'), *SEALING)
    store.until_parts(2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    expect('Ctrl-C', process.returncode == -signal.SIGINT, (process.returncode, err))
    expect('gives the upload up', not store.uploads() and not store.kept(), err)

    with subprocess.Popen(['tar', 'c', 'big'], cwd=store.scratch, stdout=subprocess.PIPE) as tar:
        store.done('from a pipe', 'seal', '-', '-o', at('piped.srm'), *SEALING, stdin=tar.stdout)
    store.done('verified', 'verify', at('piped.srm'), '--signer', 'lab.id.card')


def check_plans(store: Store) -> None:
    address, plan = at('planned.srm'), at('planned.srm.plan')
    store.done(
        'plan to seal', 'plan', 'seal', 'big', '-o', address, *SEALING, '--ranges', '3',
        '--worker', 'w0.id.card', '--worker', 'w1.id.card', '-p', plan,
    )
    work = ('work', '-p', plan, '--signer', 'lab.id.card', '--index')
    # Killed as soon as the store has a part of its range
    process = store.start(*work, '0', '-i', 'w0.id')
    [upload] = store.uploads()
    where = {'Bucket': BUCKET, 'Key': upload['Key'], 'UploadId': upload['UploadId']}
    while process.poll() is None and not store.client.list_parts(**where).get('Parts'):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finish = ('plan', 'finish', '-p', plan, '-i', 'lab.id', '--source', '--check', 'full')
    status, _, err = store.run(*finish)
    expect('a range is missing', status == 1 and 'not done' in err, err)
    for index, worker in enumerate(('w0', 'w1', 'w0')):
        store.done(f'range {index}', *work, str(index), '-i', f'{worker}.id')
    _, err = store.done('again', *work, '1', '-i', 'w0.id')
    expect('and nothing was to do', 'already' in err, err)
    out, _ = store.done('how far', 'plan', 'show', '-p', plan, '--signer', 'lab.id.card', '--json')
    expect('all of it', json.loads(out)['done'] == [0, 1, 2], out)
    store.done('finish', *finish)
    expect('no upload is left', not store.uploads())
    store.done('finish again', *finish)
    same(store, 'planned', 'planned.srm', 'big')
    store.done('verified', 'verify', address, '--signer', 'lab.id.card')


def listed(store: Store, prefix: str) -> dict:
    return store.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def main(command: list[str]) -> int:
    command = [str(Path(word).resolve()) if Path(word).is_file() else word for word in command]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        store = Store(command, scratch)
        try:
            for who in ('lab', 'node', 'other', 'w0', 'w1'):
                store.done('keygen', 'keygen', '--name', who, '--plain', '-o', f'{who}.id')
            for directory, size in (('small', 3_000_000), ('big', BIG)):
                (scratch / directory).mkdir()
                (scratch / directory / 'weights').write_bytes(random.Random(size).randbytes(size))
            (scratch / 'small/config.json').write_text('{}')
            check_small(store)
            check_rings(store)
            check_uploads(store)
            check_plans(store)
        finally:
            store.server.terminate()
            store.server.wait()
    return finish()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
