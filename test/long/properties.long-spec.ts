import { anySeed, describeProperties } from '../support/property-suite.js';

describeProperties({ runs: 1_000, seed: anySeed() });
