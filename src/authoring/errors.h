#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo authoring_exists{
    .id = "authoring.exists",
    .kind = Errc::conflict,
    .meaning = "What would be written is there already.",
    .remedy = "Name another place, or remove what is there if it is no longer needed."};
inline constexpr ErrorInfo authoring_bad_option{
    .id = "authoring.bad_option",
    .kind = Errc::invalid,
    .meaning = "An option of the command has a value that it cannot have.",
    .remedy = "See the command's --help."};

inline constexpr ErrorInfo authoring_member{
    .id = "authoring.member",
    .kind = Errc::invalid,
    .meaning = "A package cannot be a member of an update pack.",
    .remedy =
        "Name signed packages of other kinds in [pack] members; sign them first with "
        "`cutover package sign`."};

}  // namespace cutover::errors
