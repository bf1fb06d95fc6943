/**
 * Preloaded (`--require`, which threads get too): a machine that the native BLAKE3 was not built
 * for, as musl or an unusual processor. Counts in a file how often it was asked for.
 */
const { appendFileSync } = require('node:fs');
const Module = require('node:module');

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request !== '@napi-rs/blake-hash') return load.call(this, request, ...rest);
  appendFileSync(process.env.WITHOUT_NATIVE, '.');
  throw new Error('Cannot find native binding');
};
