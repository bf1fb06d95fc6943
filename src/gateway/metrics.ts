/**
 * What the gateway counts, in the text format of Prometheus:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import type { CacheStatistics } from '../archive/lazy/cache.ts';

export class Metrics {
  readonly #requests = new Map<number, number>();
  /** Bytes of files that were handed to the system. */
  sentBytes = 0;
  /** Responses that were broken off because the archive could not be read or is not sound. */
  broken = 0;
  openConnections = 0;

  answered(status: number): void {
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
  }

  /** @param archives statistics by the name of each archive. */
  render(archives: Iterable<readonly [name: string, statistics: CacheStatistics]>): string {
    const each = [...archives].map(
      ([name, statistics]) => [`archive="${name}"`, statistics] as const,
    );
    const of = (member: keyof CacheStatistics) =>
      each.map(([label, statistics]) => [label, statistics[member]] as const);
    const requests = [...this.#requests].map(
      ([status, count]) => [`code="${status}"`, count] as const,
    );
    return [
      counter('requests_total', 'Requests by status.', requests),
      counter('sent_bytes_total', 'Bytes of files sent.', [['', this.sentBytes]]),
      counter('broken_responses_total', 'Responses broken off by an error.', [['', this.broken]]),
      gauge('connections', 'Open connections.', [['', this.openConnections]]),
      counter('segments_decrypted_total', 'Segments verified and decrypted.', of('decrypted')),
      counter('segments_refused_total', 'Segments that were refused.', of('refused')),
      counter('cache_hits_total', 'Segments found in the cache.', of('hits')),
      counter('cache_misses_total', 'Segments not found in the cache.', of('misses')),
      gauge('cache_bytes', 'Memory that the cache takes.', of('bytes')),
    ].join('');
  }
}

type Samples = readonly (readonly [label: string, value: number])[];

const family =
  (type: 'counter' | 'gauge') =>
  (name: string, help: string, samples: Samples): string => {
    const full = `strongroom_gateway_${name}`;
    const rows = samples.map(([label, value]) => `${full}${label && `{${label}}`} ${value}\n`);
    return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${rows.join('')}`;
  };
const counter = family('counter');
const gauge = family('gauge');
