import { describe } from '@jest/globals';
import { livesThoughKilled } from '../killed-life.ts';
import { isAll } from '../lab/scope.ts';

const POOLS = [
  { array: 'raid0', carving: 'partition' },
  { array: 'raid0', carving: 'lvm' },
  { array: 'raid1', carving: 'partition' },
] as const;

describe.each(isAll ? POOLS : POOLS.slice(0, 1))(
  'a driver that is killed while it works on a $array that $carving carves',
  (pool) => livesThoughKilled(pool),
);
