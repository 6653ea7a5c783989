#pragma once

#include "base/error.h"

// What can be wrong with a package file. Signatures have their own rows in crypto/errors.h, the
// manifest's content in model/manifest_errors.h.
namespace cutover::errors {

inline constexpr ErrorInfo package_not_a_package{.id = "package.not_a_package",
                                                 .kind = Errc::invalid,
                                                 .meaning = "The file is not a cutover package.",
                                                 .remedy = "Check that the right file was given."};
inline constexpr ErrorInfo package_truncated{
    .id = "package.truncated",
    .kind = Errc::untrusted,
    .meaning = "The file ends before the package does.",
    .remedy = "Copy or download the package again; compare its size with the vendor's."};
inline constexpr ErrorInfo package_unsigned{
    .id = "package.unsigned",
    .kind = Errc::untrusted,
    .meaning = "The package carries no signature.",
    .remedy = "Sign it with `cutover package sign`, or obtain the signed file from its vendor."};
inline constexpr ErrorInfo package_member_missing{
    .id = "package.member_missing",
    .kind = Errc::untrusted,
    .meaning = "A member that the package must have is not in the file.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_member_twice{
    .id = "package.member_twice",
    .kind = Errc::untrusted,
    .meaning = "A member is in the file more than once.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_member_order{
    .id = "package.member_order",
    .kind = Errc::untrusted,
    .meaning = "The members of the file are not in their order.",
    .remedy = "Obtain the package again from its vendor; do not repack it with tar."};
inline constexpr ErrorInfo package_member_unknown{
    .id = "package.member_unknown",
    .kind = Errc::untrusted,
    .meaning = "The file has a member that its manifest does not name: it was added or renamed.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_member_changed{
    .id = "package.member_changed",
    .kind = Errc::untrusted,
    .meaning = "A member is not what was signed.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_member_size{
    .id = "package.member_size",
    .kind = Errc::untrusted,
    .meaning = "A member is longer or shorter than the manifest says, or than any may be.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_not_canonical{
    .id = "package.not_canonical",
    .kind = Errc::untrusted,
    .meaning = "The file is not written down in the one way in which packages are.",
    .remedy = "Obtain the package again from its vendor; do not repack it with tar."};
inline constexpr ErrorInfo package_trailing_data{
    .id = "package.trailing_data",
    .kind = Errc::untrusted,
    .meaning = "Something follows the end of the package.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_bad_index{
    .id = "package.bad_index",
    .kind = Errc::untrusted,
    .meaning = "The chunk index contradicts itself or the manifest.",
    .remedy = "The package has to be built again by its vendor."};
inline constexpr ErrorInfo package_chunk_damaged{
    .id = "package.chunk_damaged",
    .kind = Errc::untrusted,
    .meaning = "A piece of the payload is not what was signed.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo package_size_lie{
    .id = "package.size_lie",
    .kind = Errc::untrusted,
    .meaning = "The payload unpacks to another size than the package says.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo package_build_input{
    .id = "package.build_input",
    .kind = Errc::invalid,
    .meaning = "What the package should be made of is missing or unfit.",
    .remedy = "Correct the file or setting named in the message and build again."};

inline constexpr ErrorInfo tree_absolute_path{
    .id = "tree.absolute_path",
    .kind = Errc::untrusted,
    .meaning = "The tree has an entry with an absolute path.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_path_traversal{
    .id = "tree.path_traversal",
    .kind = Errc::untrusted,
    .meaning = "The tree has an entry whose path has '.', '..' or an empty name in it.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_through_link{
    .id = "tree.through_link",
    .kind = Errc::untrusted,
    .meaning = "The tree has an entry below something that is not a folder of the tree.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_link_outside{
    .id = "tree.link_outside",
    .kind = Errc::untrusted,
    .meaning = "The tree has a link that leads, or could lead, out of it.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_special_file{
    .id = "tree.special_file",
    .kind = Errc::untrusted,
    .meaning = "The tree has a device node, a pipe or a socket.",
    .remedy = "Take it out of the tree: /dev is filled when the device starts."};
inline constexpr ErrorInfo tree_duplicate{.id = "tree.duplicate",
                                          .kind = Errc::untrusted,
                                          .meaning = "The tree has an entry twice.",
                                          .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_order{
    .id = "tree.order",
    .kind = Errc::untrusted,
    .meaning = "The entries of the tree are not in their order.",
    .remedy = "The package has to be built with `cutover package build`."};
inline constexpr ErrorInfo tree_size_lie{
    .id = "tree.size_lie",
    .kind = Errc::untrusted,
    .meaning = "The tree needs more or less room than the package says.",
    .remedy = "Do not install the package; tell its vendor."};
inline constexpr ErrorInfo tree_malformed{
    .id = "tree.malformed",
    .kind = Errc::untrusted,
    .meaning = "The tree is not a tar archive as packages have it.",
    .remedy = "The package has to be built with `cutover package build`."};

}  // namespace cutover::errors
