import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client } from 'pg';

/** Clock ticks of a second in /proc, on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of processor time that a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Registers machines straight in the database, as fast as it can: their ids, in the order of the urls. */
export async function addFleet(client: Pick<Client, 'query'>, urls: readonly string[]): Promise<string[]> {
  const ids = urls.map(() => randomUUID());
  await client.query(
    `WITH made AS (
       INSERT INTO servers (id, name, environment, source)
       SELECT id, 'fleet-' || id, 'fleet', json_build_object('type', 'node-exporter', 'url', url)::jsonb
         FROM unnest($1::uuid[], $2::text[]) AS f (id, url) RETURNING id)
     INSERT INTO server_polls (server_id, next_at) SELECT id, now() FROM made`,
    [ids, urls],
  );
  return ids;
}

/** How regularly servers were read. */
export interface Regularity {
  samples: number;
  /** Intervals of a server in which it was not read. */
  missed: number;
  /** How far a reading was from its turn, at the most, in seconds. */
  driftSeconds: number;
}

/**
 * Measures, from the samples between two times, how far each lies from the grid of its server: its place in the interval is the median
 * of all. The two readings at the beginning are no turns; begin after them.
 */
export async function regularity(
  client: Pick<Client, 'query'>,
  { ids, from, to, intervalSeconds }: { ids: readonly string[]; from: Date; to: Date; intervalSeconds: number },
): Promise<Regularity> {
  const { rows } = await client.query<{ server_id: string; times: string[] }>(
    `SELECT server_id, array_agg(extract(epoch FROM ts)::float8 ORDER BY ts) AS times
       FROM server_samples WHERE server_id = ANY($1) AND ts >= $2 AND ts < $3 GROUP BY server_id`,
    [ids, from, to],
  );
  const [begin, end] = [from.getTime() / 1000, to.getTime() / 1000];
  const turns = Math.floor((end - begin) / intervalSeconds);
  const result: Regularity = { samples: 0, missed: (ids.length - rows.length) * turns, driftSeconds: 0 };
  for (const row of rows) {
    const times = row.times.map(Number);
    const first = times[0] as number;
    const offsets = times.map((time) => time - first - Math.round((time - first) / intervalSeconds) * intervalSeconds);
    const median = [...offsets].sort((a, b) => a - b)[offsets.length >> 1] as number;
    result.samples += times.length;
    // a whole interval may lie before the first and after the last
    const edges = [first - begin, end - (times.at(-1) as number)];
    for (const edge of edges) result.missed += Math.max(0, Math.floor(edge / intervalSeconds - 0.5));
    for (const [index, time] of times.slice(1).entries())
      result.missed += Math.max(0, Math.round((time - (times[index] as number)) / intervalSeconds) - 1);
    for (const offset of offsets) result.driftSeconds = Math.max(result.driftSeconds, Math.abs(offset - median));
  }
  return result;
}
