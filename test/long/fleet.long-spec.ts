import { describeFleet } from '../support/fleet-suite.js';

describeFleet({ servers: 1_000, seconds: 600 });
