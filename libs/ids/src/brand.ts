declare const brand: unique symbol;

/** `T` that went through the parser named by `Name`; a plain `T` does not fit where a branded one is asked for. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
