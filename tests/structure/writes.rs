//! What a room holds is changed in that room only. A room is a module at the top of the discovery
//! with its whole folder, whose files may share what they hold. The hub counts as a room of its own.

#[cfg(test)]
mod tests;
mod visit;

use std::collections::HashMap;

use syn::{Expr, ExprMethodCall, Member, UnOp, ext::IdentExt, spanned::Spanned};

use crate::{
    edges,
    rooms::{holder_of, is_discovery},
    shapes::{self, Field, Struct, Structs},
    tree::{self, ItemId, Tree},
    types::{Scope, Typed, member_name},
};

/// How methods of the standard library are called that change what they are called on: so, or so and
/// more after an underscore; besides those that end in `_mut`. Others are called on what no
/// other room sees, as long as no state has a visible field.
const MUTATORS: [&str; 20] = [
    "append",
    "clear",
    "dedup",
    "drain",
    "entry",
    "extend",
    "fill",
    "get_or_insert",
    "insert",
    "pop",
    "push",
    "remove",
    "resize",
    "retain",
    "reverse",
    "rotate",
    "sort",
    "split_off",
    "swap",
    "truncate",
];

pub fn findings(tree: &Tree) -> Vec<String> {
    let structs = shapes::structs(tree);
    let mut found = visible_states(tree, &structs);
    let edges = edges::edges(tree);
    for (module, content) in tree.modules.iter().enumerate() {
        let reached = edges::reached(&edges, &content.file);
        let locals = HashMap::new();
        found.extend(visit::writes(Scope { tree, structs: &structs, module, reached, locals }));
    }
    // One expression may write one field in two ways.
    found.dedup();
    found
}

/// The fields of states that others than their rooms see.
fn visible_states(tree: &Tree, structs: &Structs) -> Vec<String> {
    let mut found = Vec::new();
    for (item, state) in structs.iter().filter(|(item, _)| is_discovery(tree.file_of(item))) {
        let file = tree.file_of(item);
        let Some(method) = state.mutators.first() else { continue };
        let is_inside = |seen_in: &str| holder_of(seen_in) == holder_of(file);
        for field in state.fields.iter().filter(|f| !is_inside(&tree.modules[f.seen_in].file)) {
            let (line, name) = (field.line, &field.name);
            found.push(format!(
                "{file}:{line}: `{name}` is visible outside of its room, but `{}` is a state: \
                 `{method}` changes it",
                item.name,
            ));
        }
    }
    found
}

/// What is known of a struct that another room holds.
fn foreign<'a>(scope: &Scope<'a>, item: &ItemId) -> Option<&'a Struct> {
    let home = scope.tree.file_of(item);
    let here = &scope.tree.modules[scope.module].file;
    let found = scope.structs.get(item)?;
    (holder_of(home) != holder_of(here) && is_discovery(home)).then_some(found)
}

/// The writes to fields of others when the place that an expression names is written. To write
/// `a.b.c` is to write into `b` as well.
fn into_place(scope: &Scope, place: &Expr, found: &mut Vec<String>) {
    match place {
        Expr::Field(field) => {
            if let Some(owner) = owner(scope, &field.base, &field.member) {
                let file = &scope.tree.modules[scope.module].file;
                let line = field.member.span().start().line;
                let name = member_name(&field.member);
                found.push(format!("{file}:{line}: writes `{name}`, a field of {owner}"));
            }
            into_place(scope, &field.base, found);
        }
        Expr::Index(index) => into_place(scope, &index.expr, found),
        Expr::Paren(inner) => into_place(scope, &inner.expr, found),
        Expr::Group(inner) => into_place(scope, &inner.expr, found),
        Expr::Unary(inner) if matches!(inner.op, UnOp::Deref(_)) => {
            into_place(scope, &inner.expr, found);
        }
        // `(a.b, c.d) = …`
        Expr::Tuple(tuple) => tuple.elems.iter().for_each(|e| into_place(scope, e, found)),
        _ => {}
    }
}

/// Whose field it is, if another room holds that.
fn owner(scope: &Scope, base: &Expr, member: &Member) -> Option<String> {
    match scope.of_expr(base) {
        Typed::Other => None,
        Typed::Item(item) if scope.structs.contains_key(&item) => {
            foreign(scope, &item).map(|_| described(scope.tree, &item))
        }
        // Another name of a type, or nothing that is known.
        Typed::Item(_) | Typed::Unknown => owner_by_name(scope, member),
    }
}

/// Where the type is not known, the field's name decides among those that can be reached and seen
/// from here: one of this room is meant, if there is one. Numbers say too little.
fn owner_by_name(scope: &Scope, member: &Member) -> Option<String> {
    let Member::Named(_) = member else { return None };
    let name = member_name(member);
    let is_meant =
        |field: &Field| field.name == name && scope.tree.is_within(scope.module, field.seen_in);
    let here = holder_of(&scope.tree.modules[scope.module].file);
    let mut owners = Vec::new();
    for (item, _) in scope.structs.iter().filter(|(_, s)| s.fields.iter().any(is_meant)) {
        let home = scope.tree.file_of(item);
        if !scope.reached.contains(home) {
            continue;
        }
        if holder_of(home) == here {
            return None;
        }
        owners.extend(is_discovery(home).then(|| described(scope.tree, item)));
    }
    (!owners.is_empty()).then(|| owners.join(" or "))
}

fn described(tree: &Tree, item: &ItemId) -> String {
    format!("`{}` ({})", item.name, tree.file_of(item))
}

/// Whether a call of a method changes what it is called on.
fn is_mutator(scope: &Scope, call: &ExprMethodCall) -> bool {
    let method = call.method.unraw().to_string();
    match scope.of_expr(&call.receiver) {
        Typed::Item(item) => {
            scope.structs.get(&item).is_some_and(|found| found.mutators.contains(&method))
        }
        Typed::Other | Typed::Unknown => is_known_mutator(&method, call.args.len()),
    }
}

fn is_known_mutator(method: &str, arguments: usize) -> bool {
    let rest = |start: &&str| method.strip_prefix(*start);
    let is_named_so = |rest: &str| rest.is_empty() || rest.starts_with('_');
    // An iterator's `take` and a text's `replace` are given more.
    matches!((method, arguments), ("take", 0) | ("replace", 1))
        || method.ends_with("_mut")
        || MUTATORS.iter().filter_map(rest).any(is_named_so)
}

/// A state that is made as a literal by another room: only its own may say how it begins.
fn literal_of_state(scope: &Scope, path: &syn::Path) -> Option<String> {
    let Typed::Item(item) = scope.of_path(&tree::names(path)) else { return None };
    let found = foreign(scope, &item).filter(|found| !found.fields.is_empty())?;
    let method = found.mutators.first()?;
    let (file, line) = (&scope.tree.modules[scope.module].file, path.span().start().line);
    let owner = described(scope.tree, &item);
    Some(format!("{file}:{line}: makes {owner}, which is a state: `{method}` changes it"))
}
