/** File URL of `wake.proto`, for gRPC libraries that load it at run time. */
export const wakeProtoUrl = new URL('../proto/wake.proto', import.meta.url).href;
export const wakePackage = 'pgwake.wake.v1';
export const wakeServiceName = 'WakeService';
