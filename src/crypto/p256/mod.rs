//! P-256 signatures by many: sums of table entries instead of multiplications.
mod field;
mod inverse;
mod limbs;
mod point;
mod portable;
mod prepare;
mod scalar;
mod table;

#[cfg(test)]
mod tests;
