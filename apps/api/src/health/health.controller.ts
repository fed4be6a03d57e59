import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiResponse, ApiTags } from '@nestjs/swagger';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Instance, NotLimited, Public } from '#core';
import { HealthView } from './health.view.js';

const DATABASE_TIMEOUT_MS = 1_500;

/** Probes. They tell of this process and its database, never of the systems that EINFRA manages. */
@Controller('health')
@ApiTags('Health')
@NotLimited()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly dataSource: DataSource,
    private readonly instance: Instance,
  ) {}

  /** Liveness: the process answers. */
  @Get('live')
  @Public()
  @ApiOkResponse({ type: HealthView, description: 'The process is alive.' })
  async live(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthView> {
    return this.answer([], reply);
  }

  /** Readiness: the database answers, its schema is current, and the process is not shutting down. */
  @Get('ready')
  @Public()
  @ApiOkResponse({ type: HealthView, description: 'Ready for requests.' })
  @ApiResponse({ status: 503, type: HealthView, description: 'Not ready; `details` says which check is down.' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthView> {
    return this.answer([() => this.database(), () => this.migrations(), () => this.process()], reply);
  }

  private async answer(checks: HealthIndicatorFunction[], reply: FastifyReply): Promise<HealthView> {
    const result = await this.health.check(checks).catch((error: { getResponse?: () => unknown }) => {
      if (!error.getResponse) throw error;
      return error.getResponse() as HealthCheckResult;
    });
    void reply.status(result.status === 'ok' ? 200 : 503);
    return { status: result.status as HealthView['status'], details: result.details as HealthView['details'] };
  }

  private async database(): Promise<HealthIndicatorResult> {
    const check = this.indicators.check('database');
    return (await this.answersInTime('SELECT 1')) ? check.up() : check.down('the database does not answer');
  }

  private async migrations(): Promise<HealthIndicatorResult> {
    const check = this.indicators.check('migrations');
    const rows = await this.answersInTime('SELECT count(*)::int AS count FROM migrations');
    const applied = (rows as { count: number }[] | null)?.[0]?.count ?? 0;
    const known = this.dataSource.migrations.length;
    return applied >= known ? check.up() : check.down(`${applied} of ${known} migrations are applied`);
  }

  private process(): HealthIndicatorResult {
    const check = this.indicators.check('process');
    return this.instance.draining ? check.down('shutting down') : check.up();
  }

  private async answersInTime(sql: string): Promise<unknown[] | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, DATABASE_TIMEOUT_MS, null)));
    try {
      return await Promise.race([this.dataSource.query<unknown[]>(sql).catch(() => null), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
