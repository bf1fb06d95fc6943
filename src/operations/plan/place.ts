/** Where plans and receipts lie: in a directory, or in the object store beside the archive. */
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import {
  isRemote,
  remoteLocation,
  type S3Location,
  shownName,
} from '../../engine/remote/location.ts';
import { putNewObject } from '../../engine/remote/multipart.ts';
import { listObjects } from '../../engine/remote/objects.ts';
import { readExactly } from '../../engine/source.ts';
import {
  asStrongroomError,
  type ErrorCode,
  isStrongroomError,
  StrongroomError,
} from '../../errors.ts';
import { readAtMost, withFile } from '../../keys/read.ts';
import { decodePlan, maxPlanBytes, type WorkPlan } from '../../scale/document.ts';
import { decodeReceipt, type Receipt, receiptBytesOf } from '../../scale/receipt.ts';
import { writeNew } from '../keyfiles.ts';

/** All of a file or an object that has at most so many bytes. */
async function readWhole(
  location: string,
  most: number,
  code: ErrorCode,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const name = shownName(location);
  const tooLong = () =>
    new StrongroomError(code, `${name}: longer than ${most} bytes`, { file: name });
  if (!isRemote(location)) {
    const bytes = await withFile(location, (fd) => readAtMost(fd, most + 1));
    if (bytes.length > most) throw tooLong();
    return bytes;
  }
  return using(openSource(locationOf(location), signal), (source) => {
    if (source.size > most) throw tooLong();
    return readExactly(source, 0, source.size);
  });
}

/** @throws StrongroomError PLAN_INVALID; and as any source. */
export async function readPlan(location: string, signal?: AbortSignal): Promise<WorkPlan> {
  const bytes = await readWhole(location, maxPlanBytes, 'PLAN_INVALID', signal);
  return decodePlan(bytes, shownName(location));
}

/** Writes something small under a name that is free. */
async function writeWhole(location: string, bytes: Uint8Array): Promise<void> {
  const at = remoteLocation(location);
  if (at === undefined) return writeNew([{ path: location, bytes, mode: 0o666 }]);
  if (at.kind === 's3') return putNewObject(at, bytes);
  throw nothingOverHttp(location);
}

export const nothingOverHttp = (location: string): StrongroomError =>
  new StrongroomError('USAGE', `${shownName(location)}: nothing is written over HTTP`, {
    hint: 'write to s3://BUCKET/KEY, or to a file',
  });

export const writePlan = (location: string, bytes: Uint8Array): Promise<void> =>
  writeWhole(location, bytes);

/** Names of receipts tell their range and the attempt. */
const receiptName = /^(\d{1,9})\.([0-9a-f]{16})\.json$/;

interface FoundReceipt {
  readonly index: number;
  readonly location: string;
}

/** Where receipts are kept: `s3://BUCKET/PREFIX` or a directory. */
export interface Receipts {
  /** Those of a range, or of all of them, by their names. */
  find(index?: number): Promise<FoundReceipt[]>;
  write(index: number, attempt: string, bytes: Uint8Array): Promise<string>;
}

export function receiptsAt(place: string, signal: AbortSignal): Receipts {
  const named = (location: string): FoundReceipt[] => {
    const [, index] = receiptName.exec(basename(location)) ?? [];
    return index === undefined ? [] : [{ index: Number(index), location }];
  };
  const write = async (index: number, attempt: string, bytes: Uint8Array) => {
    const name = `${index}.${attempt}.json`;
    const location = isRemote(place) ? `${place}/${name}` : join(place, name);
    if (!isRemote(place)) mkdirSync(place, { recursive: true });
    await writeWhole(location, bytes);
    return location;
  };
  if (isRemote(place)) {
    return {
      write,
      async find(index) {
        const at = remoteLocation(place) as S3Location;
        const prefix = index === undefined ? `${at.key}/` : `${at.key}/${index}.`;
        const keys = await listObjects({ ...at, key: prefix }, signal);
        return keys.flatMap((key) => named(`s3://${at.bucket}/${key}`));
      },
    };
  }
  return {
    write,
    async find(index) {
      const found = list(place).flatMap((name) => named(join(place, name)));
      return index === undefined ? found : found.filter((each) => each.index === index);
    },
  };
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw asStrongroomError(error, directory);
  }
}

/** A receipt that does not count, and why. */
export interface Refused {
  readonly name: string;
  readonly why: string;
}

export interface ReadReceipts {
  readonly receipts: readonly Receipt[];
  readonly refused: readonly Refused[];
}

/** Requests under way at once. */
const readsAtOnce = 24;

/** Reads receipts of a plan, of one range or all; those that do not hold are refused by name. */
export async function readReceipts(
  plan: WorkPlan,
  signal: AbortSignal,
  index?: number,
): Promise<ReadReceipts> {
  const found = await receiptsAt(plan.body.receipts, signal).find(index);
  const receipts: Receipt[] = [];
  const refused: Refused[] = [];
  let next = 0;
  const one = async () => {
    for (let at = next++; at < found.length; at = next++) {
      const { index, location } = found[at] as FoundReceipt;
      try {
        if (index >= plan.body.ranges)
          throw new StrongroomError(
            'RECEIPT_INVALID',
            `${location}: the plan has no range ${index}`,
          );
        const most = receiptBytesOf(plan, index);
        const bytes = await readWhole(location, most, 'RECEIPT_INVALID', signal);
        receipts.push(decodeReceipt(bytes, plan, index, location));
      } catch (error) {
        if (!isStrongroomError(error, 'RECEIPT_INVALID')) throw error;
        refused.push({ name: location, why: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, one));
  return { receipts, refused };
}

/** What of a plan's id names its own place among those of other plans. */
const idDigits = 16;

/**
 * Where the receipts of a plan lie: apart from those of every other one.
 * @param beside what they lie beside, unless another place is asked for.
 * @throws StrongroomError USAGE.
 */
export function receiptPlace(
  id: string,
  asked: string | undefined,
  beside: string | undefined,
): string {
  const place = asked ?? (beside === undefined ? undefined : `${beside}.receipts`);
  if (place === undefined || /^https?:/i.test(place)) {
    throw new StrongroomError('USAGE', 'there is no place for receipts', {
      hint: 'name a directory or s3://BUCKET/PREFIX with --receipts',
    });
  }
  const name = id.slice(0, idDigits);
  return isRemote(place) ? `${place.replace(/\/+$/, '')}/${name}` : resolve(place, name);
}
