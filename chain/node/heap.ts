import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the heap near what lives in it. A node lives in less than 100 MiB and makes garbage with each block; left
 * alone, V8 lets it lie until there are several times as much, and the buffers outside the heap with it. A limit
 * of the heap can only be given to a process that is yet to start; this takes effect however this one was started.
 * Only what has become old is collected earlier: a small young generation costs a loaded node half its speed.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30')
}
