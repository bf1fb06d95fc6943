/** Parsers of what others send: headers of models, addresses, answers of stores, requests. */
import type { IncomingMessage } from 'node:http';
import { parseGguf } from '#strongroom/archive/tensors/gguf.js';
import {
  parseSafetensors,
  parseShardIndex,
  safetensorsHeaderBytes,
} from '#strongroom/archive/tensors/safetensors.js';
import type { TensorInfo } from '#strongroom/archive/tensors/tensor.js';
import { nameOf, remoteLocation } from '#strongroom/engine/remote/location.js';
import { contentRange } from '#strongroom/engine/remote/state.js';
import { denial } from '#strongroom/gateway/credentials.js';
import { parseRange } from '#strongroom/gateway/range.js';
import { readRequest } from '#strongroom/gateway/request.js';
import { gguf, ggufValue, safetensors } from '../../support/models.ts';
import { Finding, found, hold, mutateDocument, Refused, type Target } from '../target.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** Tensors lie in the file, one after the other. */
function holdTensors(tensors: readonly TensorInfo[], fileBytes: number): void {
  let end = 0;
  for (const { offset, bytes } of tensors) {
    hold(offset >= end && bytes >= 0, 'tensors that overlap');
    end = offset + bytes;
  }
  hold(end <= fileBytes, 'a tensor beyond the end of its file');
}

const sizes = [0, 1, 4096, 2 ** 53 - 1];

const credentials = {
  token: 'token-of-the-gateway-0123456789',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

/** A request as Node gives it, from the lines of its head. */
function requestOf(bytes: Uint8Array): IncomingMessage {
  const [first = '', ...lines] = text(bytes).split('\r\n');
  const [method, url] = first.split(' ');
  const rawHeaders = lines.flatMap((line) => {
    const at = line.indexOf(':');
    return at < 1 ? [] : [line.slice(0, at), line.slice(at + 1)];
  });
  return { method, url, rawHeaders } as unknown as IncomingMessage;
}

const scope = `${credentials.accessKeyId}/20130524/us-east-1/s3/aws4_request`;
const requests = [
  'GET /llm/big.bin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer another\r\nRange: bytes=0-9',
  'GET /?list-type=2&prefix=a%2Fb&max-keys=3 HTTP/1.1\r\nHost: localhost',
  `GET /test.txt HTTP/1.1\r\nHost: localhost\r\nx-amz-date: 20130524T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=${'0'.repeat(64)}`,
  `GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)} HTTP/1.1\r\nHost: localhost`,
];

export function remoteTargets(): readonly Target[] {
  const { u32, string } = ggufValue;
  return [
    {
      name: 'safetensors',
      seeds: [safetensors({ a: [1, 2], b: [3] }), safetensors({})],
      parse: (input) => {
        const length = safetensorsHeaderBytes(input.subarray(0, 8), 'm', input.length);
        const header = input.subarray(8, 8 + length);
        holdTensors(parseSafetensors(header, 'm', input.length), input.length);
        return undefined;
      },
    },
    {
      // Without the length before it, which would stop nearly every altered one
      name: 'safetensors header',
      seeds: [safetensors({ a: [1, 2], b: [3] }).subarray(8, -12)],
      mutate: mutateDocument,
      parse: (input) => {
        const size = 8 + input.length + 12;
        holdTensors(parseSafetensors(input, 'm', size), size);
        return undefined;
      },
    },
    {
      name: 'gguf',
      seeds: [
        gguf({
          pairs: [
            ['general.alignment', 4, u32(64)],
            ['name', 8, string('x')],
          ],
          tensors: [{ name: 't', dimensions: [4], type: 0, offset: 0 }],
          alignment: 64,
          data: Buffer.alloc(64),
        }),
      ],
      parse: (input) => {
        holdTensors(found(parseGguf(input, 'm', input.length)), input.length);
        return undefined;
      },
    },
    {
      name: 'shard index',
      seeds: [Buffer.from('{"metadata":{},"weight_map":{"a":"one","b":"two"}}')],
      mutate: mutateDocument,
      parse: (input) => {
        parseShardIndex(input, 'm');
        return undefined;
      },
    },
    {
      name: 'remote address',
      seeds: ['https://host:8/w.srm?v=1#f', 's3://bucket/models/w.srm'].map((url) =>
        Buffer.from(url),
      ),
      parse: (input) => {
        const address = text(input);
        const location = found(remoteLocation(address));
        const shown = nameOf(location);
        if (location.kind === 's3') return undefined;
        hold(!/[?#]./.test(shown.replace('?…', '')), 'what may be secret is shown');
        hold(/^https?:$/.test(new URL(location.url).protocol), 'another protocol');
        return undefined;
      },
    },
    {
      name: 'content range',
      seeds: [Buffer.from('bytes 0-1023/4096')],
      parse: (input) => {
        const { from, to, size } = found(contentRange(text(input)));
        hold(0 <= from && from <= to && to < size, 'a range beyond the end');
        return undefined;
      },
    },
    {
      name: 'range',
      seeds: ['bytes=0-9', 'bytes=-5', 'bytes=7-'].map((range) => Buffer.from(range)),
      parse: (input) => {
        for (const size of sizes) {
          const range = parseRange(text(input), size);
          if (range === undefined || range === 'unsatisfiable') continue;
          const { offset, length } = range;
          hold(offset >= 0 && length > 0 && offset + length <= size, 'a range beyond the end');
        }
        return undefined;
      },
    },
    {
      // Nobody who has neither token nor key gets in, however the request is spelled
      name: 'gateway request',
      seeds: requests.map((request) => Buffer.from(request)),
      parse: (input) => {
        const request = readRequest(requestOf(input));
        if (request === undefined) throw new Refused();
        if (denial(request, credentials) === undefined) throw new Finding('it was let in');
        return undefined;
      },
    },
  ];
}
