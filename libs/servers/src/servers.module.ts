import { Module, type OnModuleInit } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { AuthModule } from '#auth';
import { SystemDirectory, tableCounts } from '#core';
import { BulkController } from './bulk/bulk.controller.js';
import { BulkService } from './bulk/bulk.service.js';
import { ConnectionTestsService } from './connection-tests.service.js';
import { FactsController } from './facts/facts.controller.js';
import { FactsService } from './facts/facts.service.js';
import { ImportPlanner } from './import/import-planner.js';
import { ImportRunner } from './import/import-runner.js';
import { ImportsController } from './import/imports.controller.js';
import { ImportsService } from './import/imports.service.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { MetricsService } from './metrics/metrics.service.js';
import { RollUp } from './metrics/roll-up.js';
import { SamplePartitions } from './metrics/sample-partitions.js';
import { SampleUpkeep } from './metrics/sample-upkeep.js';
import { MetricsSource } from './metrics-source.js';
import { NodeExporterClient } from './node-exporter.client.js';
import { Poller } from './polling/poller.js';
import { PollStore } from './polling/poll-store.js';
import { PushController } from './push/push.controller.js';
import { PushService } from './push/push.service.js';
import { ServerCacheRefresh } from './cached-servers.js';
import { Server } from './server.entity.js';
import { ServersController } from './servers.controller.js';
import { ServersService } from './servers.service.js';
import { SourceCheck } from './source-check.js';
import { ConnectivityController } from './connectivity/connectivity.controller.js';
import { ConnectivityService } from './connectivity/connectivity.service.js';
import { ExecController } from './exec/exec.controller.js';
import { ExecService } from './exec/exec.service.js';
import { ProcessesController } from './processes/processes.controller.js';
import { ProcessesService } from './processes/processes.service.js';
import { JournalService } from './services/journal.service.js';
import { ServicesController } from './services/services.controller.js';
import { ServicesService } from './services/services.service.js';
import { RemoteServers } from './ssh/remote-servers.js';
import { RemoteShell } from './ssh/remote-shell.js';
import { SshClient } from './ssh/ssh.client.js';
import { SshPool } from './ssh/ssh-pool.js';
import { SshSource } from './ssh/ssh-source.js';
import { SshVault } from './ssh/ssh-vault.js';
import { ThresholdsController } from './thresholds/thresholds.controller.js';
import { ThresholdsService } from './thresholds/thresholds.service.js';

/** Servers: the inventory, and what they are measured at. */
@Module({
  imports: [TypeOrmModule.forFeature([Server]), AuthModule],
  controllers: [
    BulkController,
    ImportsController,
    PushController,
    FactsController,
    ThresholdsController,
    ServersController,
    MetricsController,
    ServicesController,
    ProcessesController,
    ExecController,
    ConnectivityController,
  ],
  providers: [
    ServersService,
    ServerCacheRefresh,
    ConnectionTestsService,
    SourceCheck,
    SshVault,
    SshClient,
    SshPool,
    { provide: RemoteShell, useExisting: SshPool },
    SshSource,
    RemoteServers,
    ServicesService,
    JournalService,
    ProcessesService,
    ExecService,
    ConnectivityService,
    { provide: MetricsSource, useClass: NodeExporterClient },
    MetricsService,
    SamplePartitions,
    RollUp,
    FactsService,
    PushService,
    BulkService,
    ImportPlanner,
    ImportRunner,
    ImportsService,
    ThresholdsService,
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
      counts: tableCounts(this.servers, 'servers:read'),
    });
  }
}
