import { describe } from '@jest/globals';
import { livesThoughKilled } from '../killed-life.ts';

describe('a driver that is killed while it works with logical volumes', () => {
  livesThoughKilled({ array: 'none', carving: 'lvm' });
});
