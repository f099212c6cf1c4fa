use parquet::basic::Type;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;

/// A column's pages. Rejects dictionaries that claim more values than fit into their bytes, as the library
/// would allocate memory for all of them.
pub(super) struct CheckedPages {
    pages: Box<dyn PageReader>,
    /// The minimum size of a value in a dictionary, in bytes.
    least: usize,
}

impl CheckedPages {
    /// Checks pages of a column of this type, and of this length if the type has one.
    pub(super) fn new(pages: Box<dyn PageReader>, kind: Type, length: i32) -> Self {
        let least = match kind {
            // Their lengths take four bytes.
            Type::BYTE_ARRAY | Type::INT32 | Type::FLOAT => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(length).unwrap_or_default().max(1),
            // Dictionaries of booleans aren't allowed by the format's specification.
            Type::BOOLEAN => 1,
        };
        Self { pages, least }
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.pages.get_next_page()?;
        if let Some(Page::DictionaryPage {
            buf, num_values, ..
        }) = &page
            && *num_values as usize > buf.len() / self.least
        {
            return Err(ParquetError::General(format!(
                "dictionary of {num_values} values in {} bytes",
                buf.len()
            )));
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.pages.at_record_boundary()
    }
}
