/**
 * Follows a tar as it passes by in pieces, for pipes: what `read.ts` is for tars that can
 * be read at any offset.
 */
import type { Entry } from '../entry.ts';
import { cutTar } from './header.ts';
import { type TarStep, walkTar } from './walk.ts';

export interface TarListener {
  /** A member begins; the bytes of a file follow. */
  entry?(entry: Entry): void;
  /** The next bytes of the last file; valid during the call. */
  data?(bytes: Uint8Array): void;
}

type Pending = Extract<TarStep, { op: 'take' | 'skip' | 'end' }>;

export class TarFollower {
  readonly entries: Entry[] = [];
  readonly #walk = walkTar();
  readonly #listener: TarListener;
  #step: Pending;
  /** What was gathered towards a `take`, or how much of a `skip` has passed. */
  #gathered: Uint8Array = new Uint8Array(0);
  #passed = 0;

  constructor(listener: TarListener = {}) {
    this.#listener = listener;
    this.#step = this.#advance(new Uint8Array(0));
  }

  /** @throws StrongroomError TAR_INVALID, ENTRY_UNSAFE at the first byte that breaks a rule. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && this.#step.op !== 'end') {
      const part = bytes.subarray(at, at + this.#step.bytes - this.#passed);
      at += part.length;
      this.#passed += part.length;
      if (this.#step.op === 'skip') {
        this.#listener.data?.(part);
        if (this.#passed === this.#step.bytes) this.#step = this.#advance();
      } else {
        this.#gathered.set(part, this.#passed - part.length);
        if (this.#passed === this.#step.bytes) this.#step = this.#advance(this.#gathered);
      }
    }
  }

  /** The input has ended: holds what is there to be a whole tar. */
  end(): void {
    while (this.#step.op !== 'end') {
      if (this.#step.op === 'skip') {
        const last = this.entries.at(-1);
        throw cutTar((last?.type === 'file' ? last.offset : 0) + this.#passed);
      }
      this.#step = this.#advance(this.#gathered.subarray(0, this.#passed));
    }
  }

  #advance(answer: Uint8Array = new Uint8Array(0)): Pending {
    this.#passed = 0;
    for (let result = this.#walk.next(answer); !result.done; result = this.#walk.next()) {
      const step = result.value;
      if (step.op === 'entry') {
        this.entries.push(step.entry);
        this.#listener.entry?.(step.entry);
      } else {
        if (step.op === 'take') this.#gathered = new Uint8Array(step.bytes);
        return step;
      }
    }
    return { op: 'end', length: 0 };
  }
}
