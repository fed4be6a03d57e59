import { Module, type OnModuleInit } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { AuthModule } from '#auth';
import { SystemDirectory } from '#core';
import { ConnectionTestsService } from './connection-tests.service.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { MetricsService } from './metrics/metrics.service.js';
import { SamplePartitions } from './metrics/sample-partitions.js';
import { SampleUpkeep } from './metrics/sample-upkeep.js';
import { MetricsSource } from './metrics-source.js';
import { NodeExporterClient } from './node-exporter.client.js';
import { Poller } from './polling/poller.js';
import { PollStore } from './polling/poll-store.js';
import { Server } from './server.entity.js';
import { ServersController } from './servers.controller.js';
import { ServersService } from './servers.service.js';
import { SourceCheck } from './source-check.js';

/** Servers: the inventory, and what they are measured at. */
@Module({
  imports: [TypeOrmModule.forFeature([Server]), AuthModule],
  controllers: [ServersController, MetricsController],
  providers: [
    ServersService,
    ConnectionTestsService,
    SourceCheck,
    { provide: MetricsSource, useClass: NodeExporterClient },
    MetricsService,
    SamplePartitions,
    SampleUpkeep,
    PollStore,
    Poller,
  ],
})
export class ServersModule implements OnModuleInit {
  constructor(
    private readonly directory: SystemDirectory,
    @InjectRepository(Server) private readonly servers: Repository<Server>,
  ) {}

  onModuleInit(): void {
    this.directory.register('server', {
      find: (id) => this.servers.findOne({ where: { id }, select: { id: true, name: true, environment: true } }),
    });
  }
}
