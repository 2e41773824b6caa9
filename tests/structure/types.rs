//! Of which type an expression is, as far as that is written where it can be seen: in a signature,
//! in a `let`, in the declaration of a field.

use std::collections::{BTreeSet, HashMap};

use syn::{Expr, ExprCall, Member, PathArguments, Type, ext::IdentExt};

use crate::{
    shapes::{self, Structs},
    tree::{self, ItemId, ModuleId, Target, Tree},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A type of this crate.
    Item(ItemId),
    /// One of another crate, or a tuple, or the like.
    Other,
    Unknown,
}

/// What is known of the names at one place of a function.
pub struct Scope<'a> {
    pub tree: &'a Tree,
    pub structs: &'a Structs,
    pub module: ModuleId,
    /// The files whose types values may have that come out of calls.
    pub reached: BTreeSet<String>,
    pub locals: HashMap<String, Typed>,
}

impl Scope<'_> {
    pub fn of_type(&self, module: ModuleId, ty: &Type) -> Typed {
        if let Some(item) = shapes::item_of(self.tree, module, ty) {
            return Typed::Item(item);
        }
        match ty {
            Type::Reference(reference) => self.of_type(module, &reference.elem),
            Type::Path(path) if path.path.is_ident("Self") => self.of_name("self"),
            // A generic one may lead to what it holds.
            Type::Path(path) => {
                let last = path.path.segments.last();
                let is_plain = last.is_some_and(|s| matches!(s.arguments, PathArguments::None));
                if is_plain { Typed::Other } else { Typed::Unknown }
            }
            Type::Tuple(_) | Type::Array(_) | Type::Slice(_) => Typed::Other,
            _ => Typed::Unknown,
        }
    }

    pub fn of_expr(&self, expr: &Expr) -> Typed {
        match expr {
            Expr::Path(path) => match path.path.get_ident() {
                Some(name) => self.of_name(&name.unraw().to_string()),
                None => Typed::Unknown,
            },
            Expr::Paren(inner) => self.of_expr(&inner.expr),
            Expr::Group(inner) => self.of_expr(&inner.expr),
            Expr::Reference(inner) => self.of_expr(&inner.expr),
            Expr::Unary(inner) if matches!(inner.op, syn::UnOp::Deref(_)) => {
                self.of_expr(&inner.expr)
            }
            Expr::Field(field) => self.of_field(&self.of_expr(&field.base), &field.member),
            Expr::Struct(literal) => self.of_path(&tree::names(&literal.path)),
            Expr::Call(call) => self.of_call(call),
            _ => Typed::Unknown,
        }
    }

    fn of_name(&self, name: &str) -> Typed {
        self.locals.get(name).cloned().unwrap_or(Typed::Unknown)
    }

    fn of_field(&self, base: &Typed, member: &Member) -> Typed {
        let Typed::Item(item) = base else { return Typed::Unknown };
        let fields = self.structs.get(item).map(|found| &found.fields);
        let name = member_name(member);
        match fields.into_iter().flatten().find(|field| field.name == name) {
            Some(field) => self.of_type(item.module, &field.ty),
            None => Typed::Unknown,
        }
    }

    /// Of the functions, only those that are called as a type's usual makers.
    fn of_call(&self, call: &ExprCall) -> Typed {
        let Expr::Path(function) = &*call.func else { return Typed::Unknown };
        let mut names = tree::names(&function.path);
        match names.pop().as_deref() {
            Some("new" | "default") => self.of_path(&names),
            _ => Typed::Unknown,
        }
    }

    pub fn of_path(&self, names: &[String]) -> Typed {
        if names == ["Self"] {
            return self.of_name("self");
        }
        match self.tree.resolve(self.module, names) {
            Some(Target::Item(item)) => Typed::Item(item),
            _ => Typed::Unknown,
        }
    }
}

pub fn member_name(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
