"""The recipes of docs/deploy.md that no shell runs alone: `recipes.py COMMAND…`.

Manifests, the unit and the workflow are held against their schemas, and what they run is run, with
the places that they mount or name in a scratch directory. What is somebody else's (a loader, the
package registry) has a stand-in that reads what it is given.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import botocore.session
import kubernetes_validate
import numpy
import safetensors.numpy
import yaml
from botocore.validate import ParamValidator
from checks import expect, finish
from deploy import ROOT, gateway, made

GUIDE = (ROOT / 'docs' / 'deploy.md').read_text()

# Lists the bucket and reads what is in it, as a loader would.
LOADER = f"""#!{sys.executable}
import sys
import boto3
client = boto3.client('s3')
[bucket] = [word[5:] for word in sys.argv if word.startswith('s3://')]
for item in client.list_objects_v2(Bucket=bucket)['Contents']:
    body = client.get_object(Bucket=bucket, Key=item['Key'])['Body'].read()
    print(item['Key'], len(body) == item['Size'])
"""
READ = 'config.json True\nmodel.safetensors True\n'


class Place:
    """A machine: the command and stand-ins on its path, keys, a policy and an archive."""

    def __init__(self, command: list[str], work: Path) -> None:
        self.work = work
        programs = work / 'bin'
        programs.mkdir()
        words = shlex.join(str(Path(word).resolve()) if Path(word).is_file() else word for word in command)
        scripts = {
            'strongroom': f'#!/bin/sh\nexec {words} "$@"\n',
            'vllm': LOADER,
            'npm': '#!/bin/sh\nexit 0\n',
            'python': f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        }
        for name, script in scripts.items():
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        self.environment = {
            **os.environ,
            'PATH': f'{programs}:{os.environ["PATH"]}',
            'STRONGROOM_STATE_DIR': str(work / 'state'),
        }
        for name in ('archives', 'keys', 'trust', 'model', 'gateway', 'shm', 'weights'):
            (work / name).mkdir()
        self.run('keygen', '--name', 'lab', '--plain', '-o', 'lab.id')
        self.run('keygen', '--name', 'node', '--plain', '-o', 'keys/node.id')
        (work / 'trust' / 'lab.card').write_bytes((work / 'lab.id.card').read_bytes())
        trust = [{'card': 'lab.card', 'roles': ['author']}]
        policy = {'type': 'strongroom/policy', 'version': 1, 'trust': trust}
        (work / 'trust' / 'policy.json').write_text(json.dumps(policy))
        tensors = {'a': numpy.arange(4, dtype=numpy.float32)}
        (work / 'weights' / 'model.safetensors').write_bytes(safetensors.numpy.save(tensors))
        (work / 'weights' / 'config.json').write_text('{}')
        recipient = ('-r', 'keys/node.id.card', '--sign', 'lab.id')
        self.run('seal', 'weights', '-o', 'archives/weights.srm', *recipient)
        (work / 'weights.srm').symlink_to('archives/weights.srm')

    def run(self, *words: object) -> str:
        return self.shell(shlex.join(['strongroom', *map(str, words)]))

    def shell(self, script: str, **more: str) -> str:
        result = subprocess.run(
            ['bash', '-e', '-o', 'pipefail', '-c', script],
            cwd=self.work,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
        )
        expect(script.strip().splitlines()[0], result.returncode == 0, result.stderr)
        return result.stdout

    def start(self, words: list[str]) -> subprocess.Popen:
        return subprocess.Popen(words, cwd=self.work, env=self.environment)

    def mounted(self, text: str) -> str:
        """With the places that the pods mount in the scratch directory."""
        # Any port will do, since others may have this one
        text = text.replace('127.0.0.1:9000', '127.0.0.1:0')
        return re.sub(r'(?<![\w.])/(archives|keys|trust|model|gateway)/', rf'{self.work}/\1/', text)


def until(condition, process: subprocess.Popen) -> bool:
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.05)
    return False


def ends(process: subprocess.Popen) -> bool:
    process.send_signal(signal.SIGTERM)
    return process.wait(30) == 0


def documents(name: str) -> list[dict]:
    path = ROOT / 'deploy' / name
    found = list(yaml.safe_load_all(path.read_text()))
    for document in found:
        try:
            kubernetes_validate.validate(document, '1.34', strict=True)
            expect(f'{name} {document["kind"]}', True)
        except kubernetes_validate.ValidationError as error:
            expect(f'{name} {document["kind"]}', False, error.message)
    return found


def check_init_container(place: Place) -> None:
    [pod] = documents('kubernetes-init-container.yaml')
    [container] = pod['spec']['initContainers']
    place.run(*(place.mounted(word) for word in container['args']))
    [loader] = pod['spec']['containers']
    model = Path(place.mounted(loader['env'][0]['value']))
    same = (model / 'model.safetensors').read_bytes()
    expect('the model is there', same == (place.work / 'weights/model.safetensors').read_bytes())


def check_sidecar(place: Place) -> None:
    [deployment] = documents('kubernetes-sidecar.yaml')
    spec = deployment['spec']['template']['spec']
    [sidecar], [loader] = spec['initContainers'], spec['containers']
    process = place.start(['strongroom', *(place.mounted(word) for word in sidecar['args'])])
    probe = [place.mounted(word) for word in sidecar['startupProbe']['exec']['command']]
    ready = until(lambda: subprocess.run(probe).returncode == 0, process)
    expect('the sidecar is ready', ready)
    [script] = loader['args']
    expect('its loader reads', place.shell(place.mounted(script)) == READ)
    expect('the sidecar ends well', ends(process))


def check_unit(place: Place) -> None:
    """What the unit starts, with systemd's places elsewhere."""
    unit = (ROOT / 'deploy' / 'strongroom-gateway.service').read_text().replace('\\\n', ' ')
    [line] = re.findall(r'^ExecStart=(.*)$', unit, re.MULTILINE)
    runtime = place.work / 'run'
    (runtime / 'strongroom').mkdir(parents=True)
    places = {
        '/usr/local/bin/': '',
        '/srv/models/': f'{place.work}/archives/',
        '/etc/strongroom/': f'{place.work}/trust/',
        '%t/': f'{runtime}/',
        '%d/identity': f'{place.work}/keys/node.id',
    }
    for name, local in places.items():
        line = line.replace(name, local)
    expect('the unit has no other place', '%' not in line, line)
    process = place.start(shlex.split(line))
    env = runtime / 'strongroom/env'
    expect('the unit serves', until(env.exists, process))
    ask = (
        f'set -a; . {env}; curl -sSf --unix-socket "$STRONGROOM_SOCKET" '
        '-H "Authorization: Bearer $STRONGROOM_TOKEN" "$STRONGROOM_URL/weights/config.json"'
    )
    expect('on its socket', place.shell(ask) == '{}')
    expect('the unit ends well', ends(process))


def blocks(language: str) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', GUIDE, re.MULTILINE | re.DOTALL)


def check_workflow(place: Place) -> None:
    [block] = blocks('yaml')
    workflow = place.work / 'workflow.yaml'
    workflow.write_text(f'on: push\n{block}')
    checker = [sys.executable, '-m', 'check_jsonschema', '--builtin-schema']
    made(*checker, 'vendor.github-workflows', workflow)
    (place.work / 'evaluate.py').write_text(
        "import os\nprint(sorted(os.listdir(os.environ['STRONGROOM_MODEL'])))\n"
    )
    [job] = yaml.safe_load(block)['jobs'].values()
    scripts = [step['run'] for step in job['steps'] if 'run' in step]
    identity = (place.work / 'keys/node.id').read_text()
    shm = str(place.work / 'shm')
    said = ''.join(
        place.shell(script.replace('/dev/shm', shm), IDENTITY=identity, XDG_RUNTIME_DIR='')
        for script in scripts
    )
    expect('the workflow evaluates', "['config.json', 'model.safetensors']" in said, said)
    expect('and leaves no key', not list(Path(shm).iterdir()))


def check_program(place: Place) -> None:
    keys = ['-i', place.work / 'keys/node.id', '--signer', place.work / 'lab.id.card']
    [program] = blocks('python')
    command = [str(place.work / 'bin/strongroom')]
    with gateway(command, place.work, keys, str(place.work / 'weights.srm')) as env:
        said = subprocess.run(
            [sys.executable, '-c', f"{program}\nprint(tensors['a'].tolist())"],
            env={**place.environment, **env},
            capture_output=True,
            text=True,
        )
        expect('the program reads', said.stdout == '[0.0, 1.0, 2.0, 3.0]\n', said.stderr)


def check_plans(place: Place) -> None:
    """Every scheduler's way of doing a range, with a plan to verify in the place of the store's."""
    place.run(
        *('plan', 'verify', 'weights.srm', '-i', 'keys/node.id', '--signer', 'lab.id.card'),
        *('--ranges', '1', '--worker', 'keys/node.id.card', '-p', 'keys/verify.plan'),
    )
    (place.work / 'trust' / 'node.card').write_bytes((place.work / 'keys/node.id.card').read_bytes())
    node = {'card': 'node.card', 'roles': ['custodian']}
    policy = {'type': 'strongroom/policy', 'version': 1, 'trust': [node]}
    (place.work / 'trust' / 'policy.json').write_text(json.dumps(policy))
    (place.work / 'keys/worker.key').write_bytes((place.work / 'keys/node.id').read_bytes())
    (place.work / 'keys/worker.key').chmod(0o400)
    places = {'s3://models/model.srm.plan': '/keys/verify.plan', '/weights': str(place.work / 'weights')}

    def local(word: str) -> str:
        for name, path in places.items():
            word = word.replace(name, path)
        return place.mounted(word)

    [job] = documents('kubernetes-plan-job.yaml')
    [container] = job['spec']['template']['spec']['containers']
    index = [word.replace('$(JOB_COMPLETION_INDEX)', '0') for word in container['args']]
    said = json.loads(place.run(*map(local, index)))
    expect('the indexed job does a range', said['state'] == 'done', said)

    [workers] = documents('kubernetes-plan-workers.yaml')
    [container] = workers['spec']['template']['spec']['containers']
    offered = re.findall(r'(?<= )--[a-z-]+', place.run('work', '--help'))
    unknown = [word for word in container['args'] if word[:2] == '--' and word not in offered]
    expect('the workers have options that there are', unknown == [], unknown)

    definition = json.loads((ROOT / 'deploy' / 'aws-batch-plan.json').read_text())
    service = botocore.session.get_session().get_service_model('batch')
    shape = service.operation_model('RegisterJobDefinition').input_shape
    report = ParamValidator().validate(definition, shape)
    expect('AWS Batch takes the definition', not report.has_errors(), report.generate_report())
    words = definition['containerProperties']['command']
    plan = definition['parameters']['plan']
    script = shlex.join(local(plan if word == 'Ref::plan' else word) for word in words)
    key = (place.work / 'keys/node.id').read_text()
    (place.work / 'keys/worker.key').unlink()
    said = json.loads(place.shell(script, AWS_BATCH_JOB_ARRAY_INDEX='0', WORKER_KEY=key))
    expect('the array job finds it done', said['state'] == 'already', said)

    path = ROOT / 'deploy' / 'slurm-plan.sh'
    made('bash', '-n', path)
    lines = re.findall(r'^#SBATCH (.*)$', path.read_text(), re.MULTILINE)
    form = re.compile(r'--[a-z-]+(=\S+)?')
    expect('Slurm is told options alone', lines and all(form.fullmatch(line) for line in lines), lines)
    expect('an array among them', any(re.fullmatch(r'--array=0-\d+%\d+', line) for line in lines))
    srun = place.work / 'bin' / 'srun'
    srun.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    srun.chmod(0o755)
    given = {
        'SLURM_ARRAY_TASK_ID': '0',
        'PLAN': str(place.work / 'keys/verify.plan'),
        'WORKER_IDENTITY': str(place.work / 'keys/worker.key'),
        'AUTHOR_CARD': str(place.work / 'keys/node.id.card'),
    }
    said = json.loads(place.shell(f'bash {shlex.quote(str(path))}', **given))
    expect('so does the array task', said['state'] == 'already', said)


def main(command: list[str]) -> int:
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ['STRONGROOM_STATE_DIR'] = f'{scratch}/state'
        place = Place(command, Path(scratch))
        check_init_container(place)
        check_sidecar(place)
        check_unit(place)
        check_workflow(place)
        check_program(place)
        check_plans(place)
    return finish()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
