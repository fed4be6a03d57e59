import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { APP_CONFIG, type AppConfig, Cache, Conflict, Events, NotFound } from '#core';
import { CACHED_SERVERS } from '../cached-servers.js';
import { rollUpAgain } from '../metrics/roll-up.js';
import { SamplePartitions } from '../metrics/sample-partitions.js';
import { insertNewSamples } from '../metrics/sample-rows.js';
import type { MetricSample } from '../node-exporter-metrics.js';
import { afterReading, type PollState } from '../polling/status-machine.js';
import { type ServerRef, statusChanged } from '../server-events.js';
import { type ServerSource, silenceSeconds } from '../server-source.js';
import { EFFECTIVE_THRESHOLDS, strainOf, type Thresholds } from '../thresholds/thresholds.js';
import type { PushMetricsDto } from './push.dto.js';
import type { PushResultView } from './push.view.js';
import { sortOut } from './pushed-samples.js';

interface Row extends ServerRef, PollState {
  source: ServerSource;
  thresholds: Thresholds;
  latest: { at: string } | null;
}

/** Takes the samples that servers send of themselves. */
@Injectable()
export class PushService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly partitions: SamplePartitions,
    private readonly events: Events,
    private readonly cache: Cache,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Keeps samples in whatever order they come. Throws Conflict for a server whose samples come from elsewhere. */
  async push(id: string, body: PushMetricsDto): Promise<PushResultView> {
    const { usable, rejected } = sortOut(body, this.config.metricsRetentionDays, Date.now());
    await this.partitions.ensureDays(usable.map(({ sample }) => sample.at.getTime()));
    let shows = false;
    const kept = await this.dataSource.transaction(async (manager) => {
      const server = await lock(manager, id);
      const stored = await insertNewSamples(
        manager,
        id,
        usable.map(({ sample }) => sample),
      );
      const fresh = usable.map(({ sample }) => sample).filter(({ at }) => stored.has(at.getTime()));
      await rollUpAgain(
        manager,
        id,
        fresh.map(({ at }) => at),
      );
      // a machine whose clock is wrong, or that repeats itself, lives all the same
      shows = await this.noteAlive(manager, server, fresh);
      return stored;
    });
    if (shows) await this.cache.invalidate(...CACHED_SERVERS.tags);
    const duplicates = usable.filter(({ sample }) => !kept.has(sample.at.getTime()));
    return {
      accepted: kept.size,
      rejected: [...rejected, ...duplicates.map(({ index }) => ({ index, reason: 'duplicate' as const }))].sort(
        (a, b) => a.index - b.index,
      ),
    };
  }

  /**
   * Moves the status on by the samples that are newer than the latest, and puts off the moment at which it counts as silent. Answers
   * whether that shows.
   */
  private async noteAlive(
    manager: EntityManager,
    server: Row & { source: { type: 'push' } },
    fresh: MetricSample[],
  ): Promise<boolean> {
    const since = server.latest ? Date.parse(server.latest.at) : -Infinity;
    const newer = fresh.filter(({ at }) => at.getTime() > since).sort((a, b) => a.at.getTime() - b.at.getTime());
    const state = newer.reduce<PollState>(
      (before, sample) => afterReading(before, null, strainOf(sample, server.thresholds)),
      returned(server),
    );
    const latest = newer.at(-1);
    await manager.query('UPDATE servers SET status = $2, status_reason = $3, last_seen_at = now() WHERE id = $1', [
      server.id,
      state.status,
      state.reason,
    ]);
    await manager.query(
      `UPDATE server_polls SET next_at = now() + $2::integer * interval '1 second', lease = NULL, failures = 0, successes = $3,
              strained = $4, latest = coalesce($5::json, latest)
        WHERE server_id = $1`,
      [
        server.id,
        silenceSeconds(server.source),
        state.successes,
        state.strained,
        latest ? JSON.stringify(latest) : null,
      ],
    );
    if (state.status !== server.status) await this.events.publish(manager, statusChanged(server, server.status, state));
    return state.status !== server.status || state.reason !== server.reason;
  }
}

/** Who pushes is there: it takes no second sample, nor a new one, to believe that. */
function returned(state: PollState): PollState {
  const isBack = state.status === 'offline' || state.status === 'unknown';
  return isBack ? { ...state, status: 'online', reason: null } : state;
}

/** The server, its rows locked in the order that the poller locks them in. */
async function lock(
  manager: EntityManager,
  id: string,
): Promise<Row & { source: { type: 'push'; intervalSeconds: number } }> {
  const [row]: Row[] = await manager.query(
    `SELECT s.id, s.name, s.environment, s.status, s.status_reason AS reason, s.source, p.failures, p.successes, p.strained, p.latest,
            thresholds.effective AS thresholds
       FROM servers s JOIN server_polls p ON p.server_id = s.id ${EFFECTIVE_THRESHOLDS}
      WHERE s.id = $1 FOR NO KEY UPDATE OF s, p`,
    [id],
  );
  if (!row) throw new NotFound('server', id);
  const { source } = row;
  if (source.type !== 'push')
    throw new Conflict('Samples of this server are not pushed: its source is another one.', {
      code: 'source_mismatch',
    });
  return { ...row, source };
}
