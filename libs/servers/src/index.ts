export { ServersModule } from './servers.module.js';
