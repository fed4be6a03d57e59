import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Events, type NewEvent, type SystemStatus } from '#core';
import { type ChangedFacts, saveFacts } from '../facts/facts-store.js';
import { type FoundFacts, type MachineFacts, mergeFacts } from '../facts/machine-facts.js';
import type { DevicesView } from '../metrics/devices.view.js';
import { insertSamples } from '../metrics/sample-rows.js';
import type { MetricSample, NodeReading } from '../node-exporter-metrics.js';
import { type ServerRef, statusChanged } from '../server-events.js';
import type { ServerSource } from '../server-source.js';
import { EFFECTIVE_THRESHOLDS, type Thresholds } from '../thresholds/thresholds.js';
import type { Facts } from './facts.js';
import type { PollTransition } from './status-machine.js';

/** A server that this process reads now; nobody else does while the lease holds. */
export interface Claim {
  serverId: string;
  name: string;
  source: ServerSource;
  lease: string;
  /** By the clock of the database, in milliseconds of the epoch, like every time in the poll rows. */
  claimedAt: number;
  status: SystemStatus;
  reason: string | null;
  failures: number;
  successes: number;
  strained: number;
  thresholds: Thresholds;
  facts: Facts;
  /** What was discovered so far. */
  machine: MachineFacts | null;
  /** The reading before, for rates. */
  previous: NodeReading | null;
}

/** What a reading came to. */
export interface PollResult {
  claim: Claim;
  state: PollTransition;
  /** Null: not before something else makes it due. */
  nextAt: number | null;
  /** Absent when the reading failed. */
  success?: {
    reading: NodeReading;
    sample: MetricSample;
    newFacts: Facts | null;
    devices: DevicesView;
    found: FoundFacts;
  };
}

interface ClaimRow extends Omit<Claim, 'serverId' | 'lease' | 'claimedAt' | 'previous'> {
  server_id: string;
  claimed_at: string;
  reading: NodeReading | null;
}

/** The poll rows in the database. One statement claims, one short transaction writes the results of many readings. */
@Injectable()
export class PollStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly events: Events,
  ) {}

  /**
   * Claims servers that are due: `steady` at most of those that answered last time, `doubtful` at most of the others, so that
   * servers which hang can't hold up those which don't. Until `leaseMs` have passed nobody else gets them.
   */
  async claim(steady: number, doubtful: number, leaseMs: number): Promise<Claim[]> {
    const lease = randomUUID();
    const [rows]: [ClaimRow[], number] = await this.dataSource.query(CLAIM, [lease, steady, doubtful, leaseMs]);
    return rows.map(({ server_id: serverId, claimed_at: claimedAt, reading, ...row }) => ({
      ...row,
      serverId,
      lease,
      claimedAt: Number(claimedAt),
      previous: reading,
    }));
  }

  /** Writes results, all or nothing. What has lost its lease (the server was changed or removed, or another process took over) is left out. */
  async complete(results: readonly PollResult[]): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const held = await holdLeases(manager, results);
      const valid = results.filter(({ claim }) => held.has(claim.serverId));
      if (valid.length === 0) return;
      await writeStatus(manager, valid);
      await writeFacts(manager, valid);
      await saveFacts(manager, this.events, changedFacts(valid, held));
      await writePolls(manager, valid);
      await this.events.publish(manager, ...statusChanges(valid, held));
      await insertSamples(
        manager,
        valid.flatMap(({ claim, success }) => (success ? [{ serverId: claim.serverId, sample: success.sample }] : [])),
      );
    });
  }

  /** Gives back what was claimed and not read: it is due at once, for whoever comes first. */
  async release(claims: readonly Claim[]): Promise<void> {
    await this.dataSource.query(
      `UPDATE server_polls p SET next_at = now(), lease = NULL FROM unnest($1::uuid[], $2::uuid[]) AS c (id, lease)
        WHERE p.server_id = c.id AND p.lease = c.lease`,
      [claims.map(({ serverId }) => serverId), claims.map(({ lease }) => lease)],
    );
  }
}

const CLAIM = `
  WITH steady AS (
    SELECT server_id FROM server_polls WHERE next_at <= now() AND failures = 0 ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED
  ), doubtful AS (
    SELECT server_id FROM server_polls WHERE next_at <= now() AND failures > 0 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED
  )
  UPDATE server_polls p SET lease = $1, next_at = now() + $4 * interval '1 millisecond'
    FROM servers s LEFT JOIN server_facts f ON f.server_id = s.id ${EFFECTIVE_THRESHOLDS}
   WHERE s.id = p.server_id AND p.server_id IN (SELECT server_id FROM steady UNION ALL SELECT server_id FROM doubtful)
  RETURNING p.server_id, s.name, s.source, (extract(epoch FROM now()) * 1000)::bigint AS claimed_at,
    s.status, s.status_reason AS reason, p.failures, p.successes, p.strained, p.reading,
    thresholds.effective AS thresholds, f.facts AS machine,
    json_build_object('os', s.os, 'kernel', s.kernel, 'architecture', s.architecture, 'cpuCores', s.cpu_cores,
      'memoryBytes', s.memory_bytes, 'diskBytes', s.disk_bytes) AS facts`;

/** Locks the servers whose leases still hold, first server then poll row, as changes and removals do; answers them. */
async function holdLeases(manager: EntityManager, results: readonly PollResult[]): Promise<Map<string, ServerRef>> {
  const rows: ServerRef[] = await manager.query(
    `SELECT s.id, s.name, s.environment FROM unnest($1::uuid[], $2::uuid[]) AS c (id, lease)
       JOIN servers s ON s.id = c.id
       JOIN server_polls p ON p.server_id = c.id AND p.lease = c.lease
      ORDER BY s.id FOR NO KEY UPDATE OF s, p`,
    [results.map(({ claim }) => claim.serverId), results.map(({ claim }) => claim.lease)],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Neither `version` nor `updated_at` moves: nobody has changed anything. */
async function writeStatus(manager: EntityManager, results: readonly PollResult[]): Promise<void> {
  await manager.query(
    `UPDATE servers s SET status = r.status, status_reason = r.reason, last_seen_at = coalesce(r.seen_at, s.last_seen_at)
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS r (id, status, reason, seen_at)
      WHERE s.id = r.id AND (r.seen_at IS NOT NULL OR s.status <> r.status OR s.status_reason IS DISTINCT FROM r.reason)`,
    [
      results.map(({ claim }) => claim.serverId),
      results.map(({ state }) => state.status),
      results.map(({ state }) => state.reason),
      results.map(({ success }) => success?.sample.at.toISOString() ?? null),
    ],
  );
}

async function writeFacts(manager: EntityManager, results: readonly PollResult[]): Promise<void> {
  const changed = results.flatMap(({ claim, success }) =>
    success?.newFacts ? [{ id: claim.serverId, ...success.newFacts }] : [],
  );
  if (changed.length === 0) return;
  await manager.query(
    `UPDATE servers s SET os = f.os, kernel = f.kernel, architecture = f.architecture, cpu_cores = f.cpu_cores,
            memory_bytes = f.memory_bytes, disk_bytes = f.disk_bytes
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[])
         AS f (id, os, kernel, architecture, cpu_cores, memory_bytes, disk_bytes)
      WHERE s.id = f.id`,
    (['id', 'os', 'kernel', 'architecture', 'cpuCores', 'memoryBytes', 'diskBytes'] as const).map((field) =>
      changed.map((facts) => facts[field]),
    ),
  );
}

async function writePolls(manager: EntityManager, results: readonly PollResult[]): Promise<void> {
  await manager.query(
    `UPDATE server_polls p SET next_at = r.next_at, lease = NULL, failures = r.failures, successes = r.successes,
            strained = r.strained, reading = coalesce(r.reading, p.reading), latest = coalesce(r.latest, p.latest),
            devices = coalesce(r.devices, p.devices)
       FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::integer[], $5::integer[], $6::json[], $7::json[], $8::json[])
         AS r (id, next_at, failures, successes, strained, reading, latest, devices)
      WHERE p.server_id = r.id`,
    [
      results.map(({ claim }) => claim.serverId),
      results.map(({ nextAt }) => (nextAt === null ? null : new Date(nextAt).toISOString())),
      results.map(({ state }) => state.failures),
      results.map(({ state }) => state.successes),
      results.map(({ state }) => state.strained),
      results.map(({ success }) => (success ? JSON.stringify(comparablePart(success.reading)) : null)),
      results.map(({ success }) => (success ? JSON.stringify(success.sample) : null)),
      results.map(({ success }) => (success ? JSON.stringify(success.devices) : null)),
    ],
  );
}

/** Facts that readings have told anew. */
function changedFacts(results: readonly PollResult[], servers: Map<string, ServerRef>): ChangedFacts[] {
  return results.flatMap(({ claim, success }) => {
    const server = servers.get(claim.serverId);
    const merged = success && mergeFacts(claim.machine, success.found);
    return server && merged ? [{ server, ...merged }] : [];
  });
}

function statusChanges(results: readonly PollResult[], servers: Map<string, ServerRef>): NewEvent[] {
  return results.flatMap(({ claim, state }) => {
    const server = servers.get(claim.serverId);
    return server && state.status !== claim.status ? [statusChanged(server, claim.status, state)] : [];
  });
}

/** What the next reading is compared with: counters only. */
function comparablePart(reading: NodeReading): NodeReading {
  return { ...reading, fileSystems: [], details: undefined };
}
