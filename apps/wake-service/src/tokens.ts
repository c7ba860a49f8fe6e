// Names of the parts that have no class of their own, for Nest's container.

export const logToken = Symbol('Logger');
export const catalogToken = Symbol('Catalog');
