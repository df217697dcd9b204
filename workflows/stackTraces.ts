/**
 * The SDK takes a stack of every promise that workflow code makes, for its `__stack_trace` query,
 * and maps each frame back to its source. At V8's ten frames this was a third of what a saga costs
 * its worker (`npm run bench saga`); so many frames still name our function and who called it.
 */
const FRAMES = 4;

// All sagas of a process share one `Error`, which is frozen after this: see `bundle.ts`.
Error.stackTraceLimit = FRAMES;

export {};
