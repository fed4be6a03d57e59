import { describeFleet } from '../support/fleet-suite.js';

describeFleet({ servers: 200, seconds: 30 });
