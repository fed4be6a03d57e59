import { isMainThread } from 'node:worker_threads';

// Loaded by whatever must not outlive its parent. A parent that is killed outright can't pass its end on; what it
// leaves behind notices by its own parent id, which becomes another.
const parent = process.ppid;
if (isMainThread) {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
}
