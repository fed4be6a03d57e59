import { Inject, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository } from 'typeorm';
import { APP_CONFIG, type AppConfig, NotFound } from '#core';
import { Server } from '../server.entity.js';
import type { DevicesView } from './devices.view.js';
import { historyWindow, type HistoryWindow } from './history-window.js';
import type { HistoryQuery } from './metrics.dto.js';
import type { HistoryPointView, HistoryView, MetricSampleView } from './metrics.view.js';
import { rolledUpUntil } from './roll-up.js';
import { CHARTED_FIELDS, SAMPLE_COLUMNS } from './sample-columns.js';

/** What servers have been measured at. */
@Injectable()
export class MetricsService {
  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(Server) private readonly servers: Repository<Server>,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** The newest sample. Throws NotFound with the code `no_sample` when there is none yet. */
  async latest(id: string): Promise<MetricSampleView> {
    const rows: { latest: MetricSampleView | null }[] = await this.dataSource.query(
      'SELECT latest FROM server_polls WHERE server_id = $1',
      [id],
    );
    if (!rows[0]) throw new NotFound('server', id);
    if (!rows[0].latest) throw new NotFound('metrics sample', undefined, 'no_sample');
    return rows[0].latest;
  }

  /** Average, least and most of every figure, step by step. */
  async history(id: string, query: HistoryQuery): Promise<HistoryView> {
    const { metricsRetentionDays: samples, metricsRollupDays: rollUp } = this.config;
    const window = historyWindow(query, { samples, rollUp });
    const rows = await this.read(id, window);
    if (rows.length === 0 && !(await this.servers.existsBy({ id }))) throw new NotFound('server', id);
    return {
      items: pointsOf(rows, window),
      from: new Date(window.from).toISOString(),
      to: new Date(window.to).toISOString(),
      stepSeconds: window.stepSeconds,
    };
  }

  /** Each file system, disk and interface at the latest reading. Throws NotFound with the code `no_sample` when there is none. */
  async devices(id: string): Promise<DevicesView> {
    const rows: { devices: DevicesView | null }[] = await this.dataSource.query(
      'SELECT devices FROM server_polls WHERE server_id = $1',
      [id],
    );
    if (!rows[0]) throw new NotFound('server', id);
    if (!rows[0].devices) throw new NotFound('reading of devices', undefined, 'no_sample');
    return rows[0].devices;
  }

  private async read(id: string, { from, to, stepSeconds, rolledUp }: HistoryWindow): Promise<HistoryRow[]> {
    const parameters: unknown[] = [id, new Date(from), new Date(to), stepSeconds];
    if (rolledUp) parameters.push(await rolledUpUntil(this.dataSource.manager));
    const [answer]: { steps: HistoryRow[] | null }[] = await this.dataSource.query(
      rolledUp ? LONG_HISTORY : HISTORY,
      parameters,
    );
    return answer?.steps ?? [];
  }
}

/** Number of the step, then average, least and most of each charted figure, in their order. */
type HistoryRow = [step: number, ...figures: (number | null)[]];

const COLUMNS = CHARTED_FIELDS.map((field) => ({
  column: SAMPLE_COLUMNS[field].column,
  // arrives as a number with few digits, which bigint and numeric don't
  type: SAMPLE_COLUMNS[field].type === 'real' ? 'real' : 'float8',
}));
const OF_FIGURE = ['avg', 'min', 'max'] as const;
const FIGURES = COLUMNS.flatMap(({ column }) => OF_FIGURE.map((figure) => `${column}_${figure}`));

/** From when on samples fall into a step. */
const STEP_BEGIN = `date_bin($4 * interval '1 second', ts, $2)`;

/** `steps` answers `begin` and the figures of each step; as one JSON text, which is read much faster than thousands of cells. */
function asJson(steps: string): string {
  const step = '(extract(epoch FROM begin - $2::timestamptz) / $4)::integer';
  return `SELECT json_agg(json_build_array(${step}, ${FIGURES.join(', ')})) AS steps FROM (${steps}) steps`;
}

// casts come after the aggregates: there are hundreds of steps, and thousands of samples
const HISTORY = asJson(`
  SELECT ${STEP_BEGIN} AS begin,
         ${COLUMNS.flatMap(({ column, type }) => OF_FIGURE.map((of) => `${of}(${column})::${type} AS ${column}_${of}`)).join(', ')}
    FROM server_samples
   WHERE server_id = $1 AND ts >= $2 AND ts < $3
   GROUP BY 1`);

/** Of rows that stand for several samples each: averages weigh as much as the samples in them. */
const MERGED = COLUMNS.flatMap(({ column, type }) => [
  `(sum(${column}_avg * ${column}_n) / nullif(sum(${column}_n), 0))::${type} AS ${column}_avg`,
  `min(${column}_min)::${type} AS ${column}_min`,
  `max(${column}_max)::${type} AS ${column}_max`,
]);

/** From the roll-up as far as that goes, then from samples. `from` lies where five minutes begin. */
const LONG_HISTORY = asJson(`
  SELECT ${STEP_BEGIN} AS begin, ${MERGED.join(', ')}
    FROM (
      SELECT ts, ${COLUMNS.map(({ column }) => ['n', ...OF_FIGURE].map((of) => `${column}_${of}`).join(', ')).join(', ')}
        FROM server_samples_5m
       WHERE server_id = $1 AND ts >= $2 AND ts < least($3::timestamptz, $5::timestamptz)
      UNION ALL
      SELECT ts, ${COLUMNS.map(({ column }) => `(${column} IS NOT NULL)::integer, ${column}, ${column}, ${column}`).join(', ')}
        FROM server_samples
       WHERE server_id = $1 AND ts >= greatest($2::timestamptz, $5::timestamptz) AND ts < $3
    ) figures
   GROUP BY 1`);

/** One point a step, whether or not there were samples in it. */
function pointsOf(rows: readonly HistoryRow[], { from, stepSeconds, points }: HistoryWindow): HistoryPointView[] {
  const byStep = new Map(rows.map((row) => [row[0], row]));
  return Array.from({ length: points }, (_, step) => pointOf(from + step * stepSeconds * 1000, byStep.get(step)));
}

function pointOf(at: number, row: HistoryRow = NOTHING): HistoryPointView {
  const point = { at: new Date(at).toISOString() } as HistoryPointView;
  let next = 1;
  for (const field of CHARTED_FIELDS) {
    point[field] = { avg: hundredths(row[next++]), min: hundredths(row[next++]), max: hundredths(row[next++]) };
  }
  return point;
}

/** The row of a step without samples. */
const NOTHING: HistoryRow = [NaN];

/** What lies beyond is noise of the four bytes that a figure is kept in. */
function hundredths(value: number | null | undefined): number | null {
  return value == null ? null : Math.round(value * 100) / 100;
}
