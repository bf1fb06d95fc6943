/** Preloaded (`--require`, which threads get too): the process takes itself for another system's. */
Object.defineProperty(process, 'platform', { value: process.env.ON_PLATFORM });
