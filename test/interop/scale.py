"""Many workers on one plan, with faults: `scale.py COMMAND…`, where COMMAND is that of the project.

A server that speaks S3 and a Redis run beside it. Workers are killed, stopped and let go on, the
Redis is restarted and emptied, a range is delivered twice: the archive comes out equal to its
source. Prints what failed, then `N passed, N failed`; the exit status follows.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import expect, finish
from store import OPENING, SEALING, Store, at, free_port, same

RANGES = 8
PATIENCE = 120


class Redis:
    """A server that keeps what it was told across a restart."""

    def __init__(self, scratch: Path) -> None:
        self.port, self.scratch = free_port(), scratch
        self.address = f'redis://127.0.0.1:{self.port}'
        self.start()

    def start(self) -> None:
        self.server = subprocess.Popen(
            ['redis-server', '--port', str(self.port), '--bind', '127.0.0.1', '--save', '',
             '--appendonly', 'yes', '--appendfsync', 'always', '--dir', str(self.scratch)],
            stdout=subprocess.DEVNULL,
        )
        until('Redis answers', lambda: self.ask('ping') == 'PONG')

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait()

    def ask(self, *words: str) -> str:
        done = subprocess.run(
            ['redis-cli', '-p', str(self.port), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def active(self, plan: str) -> list[str]:
        return self.ask('lrange', f'bull:strongroom-{plan[:32]}:active', '0', '-1').split()


def until(what: str, holds) -> bool:
    for _ in range(PATIENCE * 20):
        if holds():
            return True
        time.sleep(0.05)
    expect(what, False, f'not within {PATIENCE} s')
    return False


class Story:
    def __init__(self, store: Store, redis: Redis) -> None:
        self.store, self.redis = store, redis
        self.workers: list[subprocess.Popen] = []

    def plan(self, name: str, source: str, ranges: int) -> tuple[str, str]:
        plan = at(f'{name}.plan')
        out, _ = self.store.done(
            f'{name}: plan', 'plan', 'seal', source, '-o', at(name), *SEALING,
            '--ranges', ranges, '--worker', 'w0.id.card', '--worker', 'w1.id.card',
            '--worker', 'w2.id.card', '-p', plan, '--json',
        )
        return plan, json.loads(out)['id']

    def submit(self, name: str, plan: str) -> int:
        out, _ = self.store.done(
            name, 'plan', 'submit', '-p', plan, '--signer', 'lab.id.card',
            '--queue', self.redis.address, '--json',
        )
        return json.loads(out)['queued']

    def work(self, plan: str, worker: str, *more: str) -> subprocess.Popen:
        process = self.store.start(
            'work', '-p', plan, '--queue', self.redis.address, '-i', f'{worker}.id',
            '--signer', 'lab.id.card', '--threads', '1', *more,
        )
        self.workers.append(process)
        return process

    def finish(self, plan: str, *more: str) -> tuple[int, bytes, str]:
        return self.store.run(
            'plan', 'finish', '-p', plan, '-i', 'lab.id', '--source', '--check', 'full',
            '--json', *more,
        )

    def ended(self, name: str, process: subprocess.Popen) -> str:
        out, err = process.communicate(timeout=PATIENCE)
        expect(f'{name} ends well', process.returncode == 0, f'{process.returncode} {err.decode()}')
        expect(f'{name} says no address', self.redis.address.encode() not in out + err)
        return err.decode()

    def receipts(self, name: str) -> int:
        found = self.store.client.list_objects_v2(Bucket='models', Prefix=f'{name}.receipts/')
        return len(found.get('Contents', []))


def killed_and_slow(story: Story) -> None:
    store, redis = story.store, story.redis
    plan, name = story.plan('faults.srm', 'big', RANGES)
    expect('every range is queued', story.submit('submit', plan) == RANGES)
    expect('and again is as good as once', story.submit('submit again', plan) == RANGES)

    first = story.work(plan, 'w0')
    until('a range is at work', lambda: redis.active(name) != [])
    first.send_signal(signal.SIGKILL)
    first.communicate()
    expect('it was killed in the middle of a range', len(redis.active(name)) == 1)

    slow = story.work(plan, 'w1')
    until('the slow one has a range', lambda: len(redis.active(name)) == 2)
    slow.send_signal(signal.SIGSTOP)
    quick = [story.work(plan, 'w2', '--drain'), story.work(plan, 'w0', '--drain')]
    for process in quick:
        story.ended('a quick worker', process)
    expect('all was done without the slow one', story.receipts('faults.srm') == RANGES)
    # It finds its range done, or does it once more: its lock is gone either way
    slow.send_signal(signal.SIGCONT)
    slow.send_signal(signal.SIGTERM)
    slow.communicate(timeout=PATIENCE)
    expect('it stops when it is told', slow.returncode in (-signal.SIGTERM, 143, 130))

    status, out, err = story.finish(plan, '--queue', redis.address)
    expect('finish', status == 0, err)
    found = json.loads(out)
    ranges = sorted({winner['range'] for winner in found['winners']})
    expect('every range has one', ranges == list(range(RANGES)), out)
    same(store, 'faults', 'faults.srm', 'big')
    store.done('verified', 'verify', at('faults.srm'), '--signer', 'lab.id.card')


def twice(story: Story) -> None:
    store = story.store
    plan, _ = story.plan('twice.srm', 'big', 2)
    work = ('work', '-p', plan, '--signer', 'lab.id.card', '--index')
    # Both begin before there is a receipt
    both = [store.start(*work, '0', '-i', f'w{i}.id') for i in range(2)]
    for process in both:
        story.ended('one of two', process)
    store.done('the other range', *work, '1', '-i', 'w2.id')
    expect('each has a receipt', story.receipts('twice.srm') == 3)
    status, out, err = story.finish(plan)
    expect('finish', status == 0, err)
    found = json.loads(out)
    winners = {winner['attempt'] for winner in found['winners']}
    expect('what counts is recorded', len(winners) + found['superseded'] == 3, out)
    same(store, 'twice', 'twice.srm', 'big')


def lost_queue(story: Story) -> None:
    store, redis = story.store, story.redis
    plan, _ = story.plan('lost.srm', 'big', RANGES)
    story.submit('submit', plan)
    worker = story.work(plan, 'w1')
    until('a range is done', lambda: story.receipts('lost.srm') >= 1)
    redis.stop()
    status, _, err = store.run(
        'plan', 'submit', '-p', plan, '--signer', 'lab.id.card', '--queue', redis.address
    )
    expect('no Redis is told', status == 1 and 'the queue does not answer' in err, err)
    redis.start()
    before = story.receipts('lost.srm')
    until('work goes on after a restart', lambda: story.receipts('lost.srm') > before + 1)
    redis.ask('flushall')
    status, _, err = story.finish(plan, '--queue', redis.address)
    expect('a queue that was lost is told', status == 1 and 'knows nothing' in err, err)
    # The one that was at work may still write its receipt
    queued = story.submit('submit again', plan)
    expect('only what is missing is queued', 0 < queued < RANGES, str(queued))
    others = [story.work(plan, 'w2', '--drain'), story.work(plan, 'w0', '--drain')]
    status, out, err = story.finish(plan, '--queue', redis.address)
    expect('finish waits for the rest', status == 0, err)
    for process in others:
        story.ended('a worker', process)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=PATIENCE)
    same(store, 'lost', 'lost.srm', 'big')


def opened_and_verified(story: Story) -> None:
    store, redis = story.store, story.redis
    shared = store.scratch / 'shared'
    workers = ('--worker', 'w0.id.card', '--worker', 'w1.id.card', '--worker', 'w2.id.card')
    store.done(
        'plan to open', 'plan', 'open', at('faults.srm'), '-o', shared, *OPENING, *workers,
        '--ranges', '6', '-p', 'open.plan',
    )
    store.done(
        'plan to verify', 'plan', 'verify', at('faults.srm'), *OPENING, *workers,
        '--ranges', '6', '-p', 'verify.plan',
    )
    for plan in ('open.plan', 'verify.plan'):
        to = ('-p', plan, '--signer', 'node.id.card', '--queue', redis.address)
        store.done(f'{plan}: submit', 'plan', 'submit', *to)
        done = [store.start('work', *to, '-i', f'w{i}.id', '--drain') for i in range(3)]
        for process in done:
            story.ended(plan, process)
        store.done(
            f'{plan}: finish', 'plan', 'finish', '-p', plan, '-i', 'node.id',
            '--queue', redis.address,
        )
    expect(
        'opened as it was',
        (shared / 'weights').read_bytes() == (store.scratch / 'big/weights').read_bytes(),
    )


def refused(story: Story) -> None:
    store, redis = story.store, story.redis
    plan = at('faults.srm.plan')
    work = ('work', '-p', plan, '--signer', 'lab.id.card')
    for name, words, status, said in (
        ('a stranger', (*work, '-i', 'node.id', '--queue', redis.address), 4, 'as a worker'),
        ('nobody trusted', ('work', '-p', plan, '-i', 'w0.id', '--queue', redis.address), 2, 'trusted'),
        ('a password', (*work, '-i', 'w0.id', '--queue', 'redis://:hush@127.0.0.1'), 2, 'password'),
        ('no queue', (*work, '-i', 'w0.id', '--queue', 'http://127.0.0.1'), 2, 'redis:'),
        ('neither', (*work, '-i', 'w0.id'), 2, 'either'),
    ):
        found, _, err = store.run(*words)
        expect(f'refused: {name}', found == status and said in err, f'{found} {err}')
        expect(f'no password is told: {name}', 'hush' not in err, err)


def main(command: list[str]) -> int:
    command = [str(Path(word).resolve()) if Path(word).is_file() else word for word in command]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        store, redis = Store(command, scratch), Redis(scratch)
        story = Story(store, redis)
        try:
            for who in ('lab', 'node', 'w0', 'w1', 'w2'):
                store.done('keygen', 'keygen', '--name', who, '--plain', '-o', f'{who}.id')
            (scratch / 'big').mkdir()
            (scratch / 'big/weights').write_bytes(random.Random(1).randbytes(96_000_000))
            (scratch / 'big/config.json').write_text('{}')
            for part in (killed_and_slow, twice, lost_queue, opened_and_verified, refused):
                began = time.monotonic()
                part(story)
                print(f'{part.__name__}: {time.monotonic() - began:.0f} s', flush=True)
        finally:
            for process in story.workers:
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGCONT)
                    process.kill()
            redis.stop()
            store.server.terminate()
            store.server.wait()
    return finish()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
