import { Controller, Get, Header, type OnModuleInit } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Cache, Metrics, NotLimited, Public } from '#core';

/** Figures of this process for Prometheus. */
@Controller('metrics')
@ApiTags('Health')
@NotLimited()
export class MetricsController implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly cache: Cache,
    private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    const pool = (this.dataSource.driver as unknown as { master: Pool }).master;
    this.metrics.gauge(
      'einfra_database_connections',
      'Connections of the pool, and requests that wait for one, by state',
      () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
      'state',
    );
    this.metrics.gauge(
      'einfra_cache_reads',
      'Reads of the cache since the start, by outcome',
      () => ({ hit: this.cache.stats.hits, miss: this.cache.stats.misses }),
      'outcome',
    );
    this.metrics.gauge(
      'einfra_cache_invalidations',
      'Tags invalidated since the start',
      () => this.cache.stats.invalidations,
    );
  }

  /** Prometheus metrics of this process. */
  @Get()
  @Public()
  @ApiProduces('text/plain')
  @ApiOkResponse({ description: 'Prometheus text exposition.', schema: { type: 'string' } })
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
