// Names of the parts that have no class of their own, for Nest's container.

export const catalogToken = Symbol('Catalog');
