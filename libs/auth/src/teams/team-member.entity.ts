import { CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** That a user belongs to a team. */
@Entity('team_members')
export class TeamMember {
  @PrimaryColumn('uuid', { name: 'team_id' })
  teamId!: string;

  @PrimaryColumn('uuid', { name: 'user_id' })
  userId!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'added_at', precision: 3 })
  addedAt!: Date;
}
