/** RFC 9112, 3.2: whoever names two, or what is none, is refused. HTTP/2 may name none. */
export function isHost(host: string | undefined): boolean {
  return host === undefined || /^(?:[A-Za-z0-9._~%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/.test(host);
}
