/** Headers for servers that want to know who asks; what is secret in them is never an argument. */
import type { Command } from 'commander';
import { isRemote } from '../engine/remote/location.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';

const usage = (message: string, hint: string) =>
  new StrongroomError('USAGE', `--http-header: ${message}`, { hint });

/** Makes headers that were named known for the servers of archives, before a command begins. */
export async function authorizeArchives(command: Command): Promise<void> {
  const { httpHeader: headers = [] } = command.opts<{ readonly httpHeader?: readonly string[] }>();
  if (headers.length === 0) return;
  const addresses = archivesOf(command).filter((each) => isRemote(each) && !/^s3:/i.test(each));
  if (addresses.length === 0) {
    throw usage('no archive is at an address of http: or https:', 'leave it out');
  }
  const fields: Record<string, string> = {};
  for (const header of headers) {
    const [name, value] = await readHeader(header);
    fields[name] = value;
  }
  const { authorizeHttp } = await import('../engine/remote/authorization.ts');
  for (const address of addresses) authorizeHttp(address, fields);
}

/** The archives that a command is given, as `ARCHIVE`, `NAME=ARCHIVE` or `--archive`. */
function archivesOf(command: Command): readonly string[] {
  const named = command.registeredArguments.flatMap((argument, i) =>
    argument.name() === 'ARCHIVE' ? [command.processedArgs[i] as string | string[]].flat() : [],
  );
  const { archive } = command.opts<{ readonly archive?: string }>();
  return [...named, ...(archive === undefined ? [] : [archive])].map((each) =>
    each.replace(/^[a-z0-9.-]+=(?=https?:)/, ''),
  );
}

/** A name, and a value in which places were filled in. */
async function readHeader(header: string): Promise<readonly [name: string, value: string]> {
  const [, name = '', template = ''] = /^([^:{}]+): *(.+)$/s.exec(header) ?? [];
  const places = [...template.matchAll(/\{(env|file):([^{}]+)\}/g)];
  // Nothing of it is repeated: it may be the secret itself
  if (name === '' || places.length === 0) {
    throw usage(
      'its value is to come from the environment or a file',
      'give it like "Authorization: Bearer {env:TOKEN}" or "Name: {file:PATH}"',
    );
  }
  let value = '';
  let at = 0;
  for (const { 0: place, 1: kind, 2: from = '', index } of places) {
    value += template.slice(at, index) + (await (kind === 'env' ? fromEnv(from) : fromFile(from)));
    at = index + place.length;
  }
  return [name, value + template.slice(at)];
}

function fromEnv(name: string): string {
  const value = process.env[name] ?? '';
  if (value !== '') return value;
  throw usage(`${name} is not in the environment`, 'set it, or name a file: {file:PATH}');
}

const longestFile = 2 ** 14;

async function fromFile(path: string): Promise<string> {
  const { readSmallFile } = await import('../index.ts');
  try {
    const text = Buffer.from(await readSmallFile(path, longestFile)).toString('latin1');
    return text.replace(/\r?\n$/, '');
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}
