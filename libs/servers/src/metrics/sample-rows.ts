import type { EntityManager } from 'typeorm';
import type { MetricSample } from '../node-exporter-metrics.js';
import { METRIC_FIELDS, SAMPLE_COLUMNS, storable } from './sample-columns.js';

const COLUMNS = METRIC_FIELDS.map((field) => SAMPLE_COLUMNS[field].column).join(', ');
const ARRAYS = METRIC_FIELDS.map((field, index) => `$${index + 3}::${SAMPLE_COLUMNS[field].type}[]`).join(', ');

/** A sample that came from a source more than once is kept once. */
const INSERT = `
  INSERT INTO server_samples (server_id, ts, ${COLUMNS})
  SELECT * FROM unnest($1::uuid[], $2::timestamptz[], ${ARRAYS})
  ON CONFLICT DO NOTHING`;

const INSERT_SAYING = `${INSERT} RETURNING ts`;

/** Stores samples, any number in one statement. Their days must have partitions. */
export async function insertSamples(
  manager: EntityManager,
  samples: readonly { serverId: string; sample: MetricSample }[],
): Promise<void> {
  if (samples.length > 0) await manager.query(INSERT, parameters(samples));
}

/** As `insertSamples`, for one server; answers the times, in milliseconds, of those that were not there before. */
export async function insertNewSamples(
  manager: EntityManager,
  serverId: string,
  samples: readonly MetricSample[],
): Promise<Set<number>> {
  if (samples.length === 0) return new Set();
  const rows: { ts: Date }[] = await manager.query(
    INSERT_SAYING,
    parameters(samples.map((sample) => ({ serverId, sample }))),
  );
  return new Set(rows.map(({ ts }) => ts.getTime()));
}

function parameters(samples: readonly { serverId: string; sample: MetricSample }[]): unknown[] {
  return [
    samples.map(({ serverId }) => serverId),
    samples.map(({ sample }) => sample.at.toISOString()),
    ...METRIC_FIELDS.map((field) => samples.map(({ sample }) => storable(field, sample[field]))),
  ];
}
