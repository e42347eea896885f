package source

import (
	"go/ast"
	"slices"
)

// Undocumented returns the exported names of a declaration that no comment stands at: above it, above its group, or
// behind it on the line.
func Undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !wellKnown(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		var names []*ast.Ident
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				if s.Doc == nil && s.Comment == nil {
					names = append(names, slices.DeleteFunc(slices.Clone(s.Names), func(n *ast.Ident) bool { return !n.IsExported() })...)
				}
			}
		}
		return names
	}
	return nil
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if index, ok := receiver.(*ast.IndexExpr); ok {
		receiver = index.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

// wellKnown are methods whose meaning the standard library fixes.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "Len", "Less", "Swap"}, d.Name.Name)
}

// InspectExported visits what callers of a package see of a declaration: signatures, exported fields, interfaces'
// methods, and the types of exported values. Bodies and hidden fields are the package's own business.
func InspectExported(decl ast.Decl, visit func(ast.Node) bool) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) {
			ast.Inspect(d.Type, visit)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					inspectType(s.Type, visit)
				}
			case *ast.ValueSpec:
				if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
					ast.Inspect(s.Type, visit)
				}
			}
		}
	}
}

func inspectType(typ ast.Expr, visit func(ast.Node) bool) {
	structure, ok := typ.(*ast.StructType)
	if !ok {
		ast.Inspect(typ, visit)
		return
	}
	for _, field := range structure.Fields.List {
		embedded := len(field.Names) == 0
		if embedded || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
			ast.Inspect(field.Type, visit)
		}
	}
}
