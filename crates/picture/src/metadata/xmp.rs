//! XMP: a packet of RDF in XML (<https://github.com/adobe/xmp-docs>, part 1 of the specification).
//!
//! XMP uses one form of RDF: `rdf:RDF` holds `rdf:Description`, whose attributes and elements are properties. A
//! property's value is a text, or items `rdf:li` in `rdf:Alt`, `rdf:Bag` or `rdf:Seq`. The parser limits nesting and
//! namespaces, and ignores entities other than XML's own.

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
    reader::NsReader,
};

use super::text::{LONGEST_DESCRIPTION, MOST_KEYWORDS};

/// The fields read from a packet.
#[derive(Default)]
pub(crate) struct Xmp {
    pub(super) title: Option<String>,
    pub(super) headline: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) rating: Option<String>,
    /// `exif:DateTimeOriginal`.
    pub(super) taken: Option<String>,
    /// `photoshop:DateCreated`.
    pub(super) created: Option<String>,
    /// `xmp:CreateDate`.
    pub(super) digitized: Option<String>,
    orientation: Option<String>,
}

/// The name of a relevant element or attribute.
#[derive(Clone, Copy, PartialEq)]
enum Name {
    Rdf,
    Description,
    Item,
    Property(Property),
    Other,
}

#[derive(Clone, Copy, PartialEq)]
enum Property {
    Title,
    Headline,
    Description,
    Subject,
    Rating,
    DateTimeOriginal,
    DateCreated,
    CreateDate,
    Orientation,
}

impl Name {
    fn of(namespace: &ResolveResult<'_>, local: &str) -> Name {
        let ResolveResult::Bound(Namespace(namespace)) = namespace else {
            return Name::Other;
        };
        let property = match (*namespace, local) {
            ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "RDF") => return Name::Rdf,
            ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "Description") => {
                return Name::Description;
            }
            ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "li") => return Name::Item,
            ("http://purl.org/dc/elements/1.1/", "title") => Property::Title,
            ("http://purl.org/dc/elements/1.1/", "description") => Property::Description,
            ("http://purl.org/dc/elements/1.1/", "subject") => Property::Subject,
            ("http://ns.adobe.com/xap/1.0/", "Rating") => Property::Rating,
            ("http://ns.adobe.com/xap/1.0/", "CreateDate") => Property::CreateDate,
            ("http://ns.adobe.com/photoshop/1.0/", "Headline") => Property::Headline,
            ("http://ns.adobe.com/photoshop/1.0/", "DateCreated") => Property::DateCreated,
            ("http://ns.adobe.com/exif/1.0/", "DateTimeOriginal") => Property::DateTimeOriginal,
            ("http://ns.adobe.com/tiff/1.0/", "Orientation") => Property::Orientation,
            _ => return Name::Other,
        };
        Name::Property(property)
    }
}

impl Xmp {
    /// Reads a packet, up to the first error if it is broken.
    pub(crate) fn of(packet: &[u8]) -> Xmp {
        let packet = String::from_utf8_lossy(packet);
        // Byte order marks may precede the first element, and padding may follow the last.
        let packet = packet.trim_matches(|sign| matches!(sign, '\0' | '\u{FEFF}'));
        let mut reader = NsReader::from_str(packet);
        reader.config_mut().allow_dangling_amp = true;
        let mut walk = Walk::default();
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(start) => walk.open(&reader, &start),
                Event::Empty(start) => {
                    walk.open(&reader, &start);
                    walk.close();
                }
                Event::End(_) => walk.close(),
                Event::Text(text) => walk.write(&text),
                Event::CData(text) => walk.write(&text),
                Event::GeneralRef(reference) => {
                    if let Ok(Some(sign)) = reference.resolve_char_ref() {
                        walk.write(sign.encode_utf8(&mut [0; 4]));
                    } else if let Some(text) = resolve_predefined_entity(&reference) {
                        walk.write(text);
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        walk.xmp
    }

    /// EXIF's orientation, from 1 to 8.
    pub(crate) fn orientation(&self) -> Option<u8> {
        self.orientation.as_deref()?.trim().parse().ok()
    }

    fn set(&mut self, property: Property, mut values: Vec<Value>) {
        if property == Property::Subject {
            let room = MOST_KEYWORDS - self.keywords.len().min(MOST_KEYWORDS);
            let keywords = values.into_iter().map(|value| value.text);
            self.keywords.extend(keywords.take(room));
            return;
        }
        let place = match property {
            Property::Title => &mut self.title,
            Property::Headline => &mut self.headline,
            Property::Description => &mut self.description,
            Property::Rating => &mut self.rating,
            Property::DateTimeOriginal => &mut self.taken,
            Property::DateCreated => &mut self.created,
            Property::CreateDate => &mut self.digitized,
            Property::Orientation => &mut self.orientation,
            Property::Subject => return,
        };
        // The default language of a text in several languages.
        let default = values.iter().position(|value| value.is_default);
        let best = default.unwrap_or(0);
        if place.is_none() && best < values.len() {
            *place = Some(values.swap_remove(best).text);
        }
    }
}

/// A value of a property.
#[derive(Default)]
struct Value {
    text: String,
    is_default: bool,
}

/// The state of the parser.
#[derive(Default)]
struct Walk {
    xmp: Xmp,
    depth: usize,
    /// The depth of `rdf:RDF`.
    root: Option<usize>,
    property: Option<Property>,
    /// The items of the open property.
    items: Vec<Value>,
    /// The text of the open property or item.
    text: String,
}

/// Depths below `rdf:RDF` of descriptions, their properties and the items of these.
const DESCRIPTION: usize = 1;
const PROPERTY: usize = 2;
const ITEM: usize = 4;

impl Walk {
    fn open(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) {
        self.depth += 1;
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let name = Name::of(&namespace, local.as_ref());
        if name == Name::Rdf && self.root.is_none() {
            self.root = Some(self.depth);
        }
        match (self.below_root(), name) {
            (Some(DESCRIPTION), Name::Description) => self.read_attributes(reader, start),
            (Some(PROPERTY), Name::Property(property)) => {
                self.property = Some(property);
                self.items.clear();
                self.text.clear();
            }
            (Some(ITEM), Name::Item) if self.items.len() < MOST_KEYWORDS => {
                self.text.clear();
                self.items.push(Value {
                    text: String::new(),
                    is_default: has_default_language(start),
                });
            }
            _ => {}
        }
    }

    fn read_attributes(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) {
        for attribute in start.attributes().with_checks(false).flatten() {
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let Name::Property(property) = Name::of(&namespace, local.as_ref()) else {
                continue;
            };
            if let Ok(text) = attribute.normalized_value(XmlVersion::Implicit1_0) {
                let text = text.chars().take(LONGEST_DESCRIPTION).collect();
                let value = Value {
                    text,
                    is_default: false,
                };
                self.xmp.set(property, vec![value]);
            }
        }
    }

    fn close(&mut self) {
        match self.below_root() {
            Some(ITEM) => {
                if let Some(item) = self.items.last_mut() {
                    item.text = std::mem::take(&mut self.text);
                }
            }
            Some(PROPERTY) => {
                if let Some(property) = self.property.take() {
                    let mut values = std::mem::take(&mut self.items);
                    if values.is_empty() {
                        values.push(Value {
                            text: std::mem::take(&mut self.text),
                            is_default: false,
                        });
                    }
                    self.xmp.set(property, values);
                }
            }
            _ => {}
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn write(&mut self, text: &str) {
        let is_value = matches!(self.below_root(), Some(PROPERTY | ITEM));
        let room = LONGEST_DESCRIPTION.saturating_sub(self.text.len());
        if is_value && self.property.is_some() {
            self.text.extend(text.chars().take(room));
        }
    }

    fn below_root(&self) -> Option<usize> {
        self.depth.checked_sub(self.root?)
    }
}

fn has_default_language(start: &BytesStart<'_>) -> bool {
    let mut attributes = start.attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    attributes.any(|attribute| {
        attribute.key.as_ref() == "xml:lang" && attribute.value.as_ref() == "x-default"
    })
}
