//! Leaves out what is compiled for tests or documentation only: they may look wherever they like.

use syn::{
    Attribute, Block, File, ImplItem, Item, ItemImpl, ItemMod, Meta, Stmt, Token,
    punctuated::Punctuated,
    visit_mut::{self, VisitMut},
};

/// Takes tests out of a parsed file.
pub fn strip(file: &mut File) {
    Strip.visit_file_mut(file);
}

struct Strip;

impl VisitMut for Strip {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(is_kept);
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(is_kept);
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        item.items.retain(|item| match item {
            ImplItem::Const(item) => !is_test(&item.attrs),
            ImplItem::Fn(item) => !is_test(&item.attrs),
            ImplItem::Type(item) => !is_test(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| match statement {
            Stmt::Local(local) => !is_test(&local.attrs),
            Stmt::Item(item) => is_kept(item),
            Stmt::Macro(item) => !is_test(&item.attrs),
            Stmt::Expr(..) => true,
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// Whether an item is compiled into the crate that others use.
pub fn is_kept(item: &Item) -> bool {
    !is_test(attributes(item))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let condition = || attribute.parse_args::<Meta>();
        path.is_ident("test") || path.is_ident("cfg") && condition().is_ok_and(|c| implies_test(&c))
    })
}

/// Whether a condition can hold only where tests or documentation are built.
fn implies_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => ["test", "doc", "doctest"].iter().any(|name| path.is_ident(name)),
        Meta::NameValue(_) => false,
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let parts = parts.unwrap_or_default();
            if list.path.is_ident("all") {
                parts.iter().any(implies_test)
            } else {
                list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(implies_test)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> usize {
        let mut file = syn::parse_file(text).expect("a fixture that parses");
        strip(&mut file);
        file.items.len()
    }

    #[test]
    fn what_only_tests_see_is_left_out() {
        assert_eq!(kept("#[cfg(test)] mod tests;"), 0);
        assert_eq!(kept("#[cfg(all(test, unix))] mod tests { use super::*; }"), 0);
        assert_eq!(kept("#[cfg(any(doc, doctest))] use crate::other::Thing;"), 0);
        assert_eq!(kept("#[test] fn holds() {}"), 0);
    }

    #[test]
    fn what_others_see_too_is_kept() {
        assert_eq!(kept("#[cfg(not(test))] use crate::other::Thing;"), 1);
        assert_eq!(kept("#[cfg(any(test, unix))] mod both;"), 1);
        assert_eq!(kept("#[cfg(feature = \"test\")] mod both;"), 1);
        assert_eq!(kept("fn f() { #[cfg(test)] let x = crate::other::f(); }"), 1);
    }
}
