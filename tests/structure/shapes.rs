//! The structs of the crate, their fields and who may see these; and the `impl` blocks.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Fields, GenericArgument, ImplItem, Item, ItemImpl, PathArguments, Signature, Type,
    TypeReference, Visibility,
    ext::IdentExt,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::tree::{self, ItemId, ModuleId, Target, Tree};

/// A struct; or an enum, as one without fields: whoever sees it may see all of it.
pub struct Struct {
    pub line: usize,
    pub fields: Vec<Field>,
    /// Methods that take `&mut self`. A struct that has one is a state: it changes, and only it
    /// may say how.
    pub mutators: BTreeSet<String>,
}

pub struct Field {
    /// Its number, if the struct is a tuple.
    pub name: String,
    pub line: usize,
    pub ty: Type,
    /// All within this module see it.
    pub seen_in: ModuleId,
}

pub type Structs = BTreeMap<ItemId, Struct>;

pub fn structs(tree: &Tree) -> Structs {
    let mut structs = Structs::new();
    for (module, content) in tree.modules.iter().enumerate() {
        for item in &content.items {
            let (name, fields) = match item {
                Item::Struct(item) => (&item.ident, fields(tree, module, &item.fields)),
                Item::Enum(item) => (&item.ident, Vec::new()),
                _ => continue,
            };
            let id = ItemId { module, name: name.unraw().to_string() };
            let line = name.span().start().line;
            structs.insert(id, Struct { line, fields, mutators: BTreeSet::new() });
        }
    }
    for block in impls(tree) {
        if let Some(changed) = structs.get_mut(&block.item) {
            changed.mutators.extend(block.mutators);
        }
    }
    structs
}

fn fields(tree: &Tree, module: ModuleId, fields: &Fields) -> Vec<Field> {
    let fields = fields.iter().enumerate().map(|(number, field)| Field {
        name: field.ident.as_ref().map_or(number.to_string(), |name| name.unraw().to_string()),
        line: field.span().start().line,
        ty: field.ty.clone(),
        seen_in: seen_in(tree, module, &field.vis),
    });
    fields.collect()
}

fn seen_in(tree: &Tree, module: ModuleId, visibility: &Visibility) -> ModuleId {
    match visibility {
        Visibility::Inherited => module,
        Visibility::Public(_) => 0,
        Visibility::Restricted(within) => match tree.resolve(module, &tree::names(&within.path)) {
            Some(Target::Module(module)) => module,
            _ => module,
        },
    }
}

/// One `impl` block of a type of this crate.
#[derive(Debug)]
pub struct Impl {
    pub item: ItemId,
    /// The file that it is in.
    pub file: String,
    pub line: usize,
    pub is_of_trait: bool,
    mutators: BTreeSet<String>,
}

/// All `impl` blocks, those in bodies of functions among them. What is implemented for a reference
/// to a type, or for a box of it, counts for the type.
pub fn impls(tree: &Tree) -> Vec<Impl> {
    let mut found = Vec::new();
    for (module, content) in tree.modules.iter().enumerate() {
        let mut impls = Impls { tree, module, found: &mut found };
        content.items.iter().for_each(|item| impls.visit_item(item));
    }
    found
}

struct Impls<'a> {
    tree: &'a Tree,
    module: ModuleId,
    found: &'a mut Vec<Impl>,
}

impl<'ast> Visit<'ast> for Impls<'_> {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if let Some(id) = item_of(self.tree, self.module, &item.self_ty) {
            let methods = item.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) if changes_self(&method.sig) => {
                    Some(method.sig.ident.unraw().to_string())
                }
                _ => None,
            });
            self.found.push(Impl {
                item: id,
                file: self.tree.modules[self.module].file.clone(),
                line: item.impl_token.span.start().line,
                is_of_trait: item.trait_.is_some(),
                mutators: methods.collect(),
            });
        }
        visit::visit_item_impl(self, item);
    }
}

/// Whether a method takes `&mut self`, or something like `Pin<&mut Self>`.
fn changes_self(signature: &Signature) -> bool {
    struct Mutable(bool);
    impl Visit<'_> for Mutable {
        fn visit_type_reference(&mut self, reference: &TypeReference) {
            self.0 |= reference.mutability.is_some();
        }
    }
    let mut mutable = Mutable(false);
    if let Some(receiver) = signature.receiver() {
        mutable.visit_type(&receiver.ty);
    }
    mutable.0
}

/// The type of this crate that a type is, or refers to.
pub fn item_of(tree: &Tree, module: ModuleId, ty: &Type) -> Option<ItemId> {
    match ty {
        Type::Reference(reference) => item_of(tree, module, &reference.elem),
        Type::Paren(inner) => item_of(tree, module, &inner.elem),
        Type::Group(inner) => item_of(tree, module, &inner.elem),
        Type::Path(path) if path.qself.is_none() => {
            match tree.resolve(module, &tree::names(&path.path)) {
                Some(Target::Item(item)) => Some(item),
                _ => item_of(tree, module, pointed_to(&path.path)?),
            }
        }
        _ => None,
    }
}

/// What a smart pointer points to. Its fields are those of what it holds.
fn pointed_to(path: &syn::Path) -> Option<&Type> {
    let last = path.segments.last()?;
    if !["Box", "Arc", "Rc", "Pin"].iter().any(|pointer| last.ident == pointer) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
