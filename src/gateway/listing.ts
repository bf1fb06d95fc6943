/**
 * ListBuckets and ListObjectsV2, as much of them as readers ask for.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
import type { FileEntry } from '../archive/entry.ts';
import { type Bucket, etagOf } from './bucket.ts';
import { escaped, type Fault, xml } from './faults.ts';
import { type GatewayRequest, parameter } from './request.ts';

const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const mostKeys = 1000;

export const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString();

export function listBuckets(buckets: Iterable<Bucket>): string {
  const rows = [...buckets].map(
    ({ name, archive }) =>
      `<Bucket><Name>${escaped(name)}</Name><CreationDate>${archive.sealedAt}</CreationDate></Bucket>`,
  );
  const owner = '<Owner><ID>strongroom</ID></Owner>';
  return xml(
    `<ListAllMyBucketsResult ${namespace}>${owner}<Buckets>${rows.join('')}</Buckets></ListAllMyBucketsResult>`,
  );
}

interface Asked {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  /** Keys and common prefixes up to this one were listed before. */
  readonly after: string;
  readonly isUrl: boolean;
}

function askedOf(request: GatewayRequest): Asked | undefined {
  const get = (name: string, otherwise = '') => parameter(request, name) ?? otherwise;
  const maxKeys = get('max-keys', String(mostKeys));
  const encoding = get('encoding-type');
  if (!/^\d{1,9}$/.test(maxKeys) || !['', 'url'].includes(encoding)) return undefined;
  const token = get('continuation-token');
  return {
    prefix: get('prefix'),
    delimiter: get('delimiter'),
    maxKeys: Math.min(Number(maxKeys), mostKeys),
    after: token === '' ? get('start-after') : Buffer.from(token, 'base64url').toString('utf8'),
    isUrl: encoding === 'url',
  };
}

interface Page {
  readonly files: FileEntry[];
  readonly prefixes: string[];
  /** What the next page comes after; `undefined` on the last one. */
  readonly next: string | undefined;
}

const isAfter = (a: string, b: string): boolean =>
  b === '' || Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0;

function pageOf({ files }: Bucket, { prefix, delimiter, maxKeys, after }: Asked): Page {
  const page: Page = { files: [], prefixes: [], next: undefined };
  let last = '';
  for (const file of files) {
    if (!file.path.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : file.path.indexOf(delimiter, prefix.length);
    const common = at < 0 ? undefined : file.path.slice(0, at + delimiter.length);
    const item = common ?? file.path;
    if (item === last || !isAfter(item, after)) continue;
    if (page.files.length + page.prefixes.length === maxKeys) {
      return { ...page, next: maxKeys === 0 ? undefined : last };
    }
    if (common === undefined) page.files.push(file);
    else page.prefixes.push(common);
    last = item;
  }
  return page;
}

/** A page of the files in a bucket. */
export function listObjects(bucket: Bucket, request: GatewayRequest): string | Fault {
  const asked = askedOf(request);
  if (asked === undefined) return 'InvalidArgument';
  const { prefix, delimiter, maxKeys, isUrl } = asked;
  const { files, prefixes, next } = pageOf(bucket, asked);
  const shown = (text: string) => escaped(isUrl ? encodeURIComponent(text) : text);
  const element = (name: string, value: string | number) => `<${name}>${value}</${name}>`;
  const optional = (name: string, value: string) => (value === '' ? '' : element(name, value));
  const token = parameter(request, 'continuation-token') ?? '';
  return xml(
    [
      `<ListBucketResult ${namespace}>`,
      element('Name', escaped(bucket.name)),
      element('Prefix', shown(prefix)),
      optional('Delimiter', shown(delimiter)),
      element('MaxKeys', maxKeys),
      element('KeyCount', files.length + prefixes.length),
      element('IsTruncated', String(next !== undefined)),
      optional('EncodingType', isUrl ? 'url' : ''),
      optional('StartAfter', shown(parameter(request, 'start-after') ?? '')),
      optional('ContinuationToken', escaped(token)),
      optional('NextContinuationToken', Buffer.from(next ?? '').toString('base64url')),
      ...files.map((file) =>
        element(
          'Contents',
          element('Key', shown(file.path)) +
            element('LastModified', timeText(file.mtime)) +
            element('ETag', escaped(etagOf(bucket, file))) +
            element('Size', file.size) +
            element('StorageClass', 'STANDARD'),
        ),
      ),
      ...prefixes.map((each) => element('CommonPrefixes', element('Prefix', shown(each)))),
      '</ListBucketResult>',
    ].join(''),
  );
}
