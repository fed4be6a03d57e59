import { Inject, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, Repository } from 'typeorm';
import { APP_CONFIG, type AppConfig, NotFound } from '#core';
import { Server } from '../server.entity.js';
import { historyWindow, type HistoryWindow } from './history-window.js';
import type { HistoryQuery } from './metrics.dto.js';
import type { HistoryPointView, HistoryView, MetricSampleView } from './metrics.view.js';
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
    const window = historyWindow(query, this.config.metricsRetentionDays);
    const rows: HistoryRow[] = await this.dataSource.query(HISTORY, [
      id,
      new Date(window.from),
      new Date(window.to),
      window.stepSeconds,
    ]);
    if (rows.length === 0 && !(await this.servers.existsBy({ id }))) throw new NotFound('server', id);
    return {
      items: pointsOf(rows, window),
      from: new Date(window.from).toISOString(),
      to: new Date(window.to).toISOString(),
      stepSeconds: window.stepSeconds,
    };
  }
}

type HistoryRow = { step: number } & Record<string, number | null>;

/** Names of a field's figures in a row, made once: a history has thousands. */
const FIGURES = CHARTED_FIELDS.map((field) => ({
  field,
  avg: `${field}.avg`,
  min: `${field}.min`,
  max: `${field}.max`,
}));

/** In types that travel as short text and arrive as numbers, which bigint and numeric don't. */
const SELECTED = FIGURES.flatMap(({ field, ...names }) => {
  const { column, type } = SAMPLE_COLUMNS[field];
  const cast = type === 'real' ? 'real' : 'float8';
  return Object.entries(names).map(([figure, name]) => `${figure}(${column}::${cast})::${cast} AS "${name}"`);
});

const HISTORY = `
  SELECT (extract(epoch FROM date_bin($4 * interval '1 second', ts, $2) - $2) / $4)::integer AS step, ${SELECTED.join(', ')}
    FROM server_samples
   WHERE server_id = $1 AND ts >= $2 AND ts < $3
   GROUP BY 1`;

/** One point a step, whether or not there were samples in it. */
function pointsOf(rows: readonly HistoryRow[], { from, stepSeconds, points }: HistoryWindow): HistoryPointView[] {
  const byStep = new Map(rows.map((row) => [row.step, row]));
  return Array.from({ length: points }, (_, step) => pointOf(from + step * stepSeconds * 1000, byStep.get(step)));
}

function pointOf(at: number, row: HistoryRow = NOTHING): HistoryPointView {
  const point = { at: new Date(at).toISOString() } as HistoryPointView;
  for (const { field, avg, min, max } of FIGURES) {
    point[field] = { avg: hundredths(row[avg]), min: hundredths(row[min]), max: hundredths(row[max]) };
  }
  return point;
}

/** The row of a step without samples. */
const NOTHING: HistoryRow = { step: NaN };

/** What lies beyond is noise of the four bytes that a figure is kept in. */
function hundredths(value: number | null | undefined): number | null {
  return value == null ? null : Math.round(value * 100) / 100;
}
