/** As DNS compares names: in lower case, without the dot of the root. */
export function bareDomain(domain: string): string {
  return domain.toLowerCase().replace(/^\.+|\.+$/g, '');
}
