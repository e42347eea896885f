package files

// parquetMagic is how Parquet files begin, and end.
const parquetMagic = "PAR1"
