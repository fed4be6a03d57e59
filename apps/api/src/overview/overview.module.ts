import { Module } from '@nestjs/common';
import { AuthModule } from '#auth';
import { OverviewController } from './overview.controller.js';
import { OverviewService } from './overview.service.js';

/** Counts over everything that is managed. */
@Module({ imports: [AuthModule], controllers: [OverviewController], providers: [OverviewService] })
export class OverviewModule {}
