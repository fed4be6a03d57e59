import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Access, AuditTrail, NotFound } from '#core';
import { EFFECTIVE_THRESHOLDS, type Thresholds } from './thresholds.js';
import { ServerThresholdsView, ThresholdFiguresView } from './thresholds.view.js';

interface Row {
  name: string;
  own: Thresholds | null;
  effective: Thresholds;
}

/** From where on servers are degraded: of one server, and of all in an environment. They count from the next reading on. */
@Injectable()
export class ThresholdsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly access: Access,
    private readonly audit: AuditTrail,
  ) {}

  async ofServer(id: string): Promise<ServerThresholdsView> {
    const { own, effective } = await this.read(id);
    return { own: own ?? {}, effective: ThresholdFiguresView.of(effective) };
  }

  async setForServer(id: string, thresholds: Thresholds): Promise<ServerThresholdsView> {
    const { name, own } = await this.read(id);
    const wanted = given(thresholds);
    this.audit.describe({ resource: { type: 'server', id, name }, before: own ?? {}, after: wanted });
    // a server that goes meanwhile takes its thresholds with it: then nothing is inserted
    await this.dataSource.query(
      `INSERT INTO status_thresholds (server_id, thresholds) SELECT id, $2::jsonb FROM servers WHERE id = $1
       ON CONFLICT (server_id) DO UPDATE SET thresholds = excluded.thresholds`,
      [id, wanted],
    );
    return this.ofServer(id);
  }

  ofEnvironment(environment: string): Promise<ThresholdFiguresView> {
    this.access.require('servers:read', { kind: 'server', environment }, { kind: 'environment', id: environment });
    return this.readEnvironment(environment);
  }

  async setForEnvironment(environment: string, thresholds: Thresholds): Promise<ThresholdFiguresView> {
    this.access.require('servers:write', { kind: 'server', environment }, { kind: 'environment', id: environment });
    const before = await this.readEnvironment(environment);
    const wanted = ThresholdFiguresView.of(given(thresholds));
    this.audit.describe({ resource: { type: 'environment', id: null, name: environment }, before, after: wanted });
    await this.dataSource.query(
      `INSERT INTO status_thresholds (environment, thresholds) VALUES ($1, $2)
       ON CONFLICT (environment) DO UPDATE SET thresholds = excluded.thresholds`,
      [environment, wanted],
    );
    return wanted;
  }

  private async readEnvironment(environment: string): Promise<ThresholdFiguresView> {
    const [row]: { thresholds: Thresholds }[] = await this.dataSource.query(
      'SELECT thresholds FROM status_thresholds WHERE environment = $1',
      [environment],
    );
    return ThresholdFiguresView.of(row?.thresholds ?? {});
  }

  private async read(id: string): Promise<Row> {
    const [row]: Row[] = await this.dataSource.query(
      `SELECT s.name, (SELECT t.thresholds FROM status_thresholds t WHERE t.server_id = s.id) AS own, thresholds.effective
         FROM servers s ${EFFECTIVE_THRESHOLDS} WHERE s.id = $1`,
      [id],
    );
    if (!row) throw new NotFound('server', id);
    return row;
  }
}

/** Without the fields that were left out, which a class instance may have as undefined. */
function given(thresholds: Thresholds): Thresholds {
  return JSON.parse(JSON.stringify(thresholds)) as Thresholds;
}
