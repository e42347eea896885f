package model

// Families lists the words that a Spec's Type may be, in the order in which people are told of them.
func Families() []string {
	return []string{FamilyAuto, FamilyLogistic, FamilyLinear, FamilySVM, FamilyMLP, FamilyTree, FamilyForest}
}

// Suitable lists the families that can predict the target.
func Suitable(target TargetSpec) []string {
	var list []string
	for _, family := range Families() {
		if len((Spec{Type: family}).Validate(target)) == 0 {
			list = append(list, family)
		}
	}
	return list
}
