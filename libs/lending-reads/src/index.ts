export { type LendingSocket, adoptSocket } from './adopt-socket.js';
export { LendingReads, type TakeLent } from './lending-reads.js';
