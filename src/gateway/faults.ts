/** What the gateway answers instead of bytes: codes of S3 with their status, in its XML. */

const faults = {
  BadRequest: [400, 'the request cannot be understood'],
  InvalidArgument: [400, 'a parameter is out of bounds'],
  AuthorizationHeaderMalformed: [400, 'the authorization cannot be understood'],
  XAmzContentSHA256Mismatch: [400, 'a request has no body here'],
  Unauthorized: [401, 'a token or a signature is needed'],
  AccessDenied: [403, 'the signature does not cover enough, or has expired'],
  InvalidAccessKeyId: [403, 'the access key is not the one of this gateway'],
  RequestTimeTooSkewed: [403, 'the clocks are too far apart'],
  SignatureDoesNotMatch: [403, 'the signature is not that of the request'],
  NoSuchBucket: [404, 'no archive is served under this name'],
  NoSuchKey: [404, 'the archive has no such file'],
  MethodNotAllowed: [405, 'archives are only read here'],
  PreconditionFailed: [412, 'the file is another one'],
  InvalidRange: [416, 'the file does not reach that far'],
  NotImplemented: [501, 'the gateway does not do this'],
  InternalError: [500, 'the archive could not be read: see the log of the gateway'],
} as const;

export type Fault = keyof typeof faults;

export const statusOf = (fault: Fault): number => faults[fault][0];

export const faultBody = (fault: Fault): string =>
  xml(`<Error><Code>${fault}</Code><Message>${faults[fault][1]}</Message></Error>`);

export const xml = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?>\n${body}\n`;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text as it stands in XML. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities[character] as string);
