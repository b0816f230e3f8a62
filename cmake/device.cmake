# libeao, what a device needs: nothing but libc. Static and shared from the same objects, which are
# compiled apart from the host's: reference kernels, where a device runs what no fast kernel takes,
# for size; every function in a section of its own, so that a program keeps only what it uses.
file(GLOB device_ref CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernel/ref/*.c)
file(GLOB device_fast CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/src/kernel/plain/*.c ${PROJECT_SOURCE_DIR}/src/kernel/x86/*.c
  ${PROJECT_SOURCE_DIR}/src/kernel/arm/*.c ${PROJECT_SOURCE_DIR}/src/kernel/riscv/*.c)
file(GLOB device_rest CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernel/*.c
                                        ${PROJECT_SOURCE_DIR}/src/rt/*.c)
list(FILTER device_rest EXCLUDE REGEX "_test\\.c$|/infos\\.c$|/peak")
list(FILTER device_fast EXCLUDE REGEX "_test\\.c$|/peak")
foreach(name cpu hash wide_hash types)
  list(APPEND device_rest ${PROJECT_SOURCE_DIR}/src/base/${name}.c)
endforeach()

# Instructions that no device of this library has: their kernels stay out.
set(EAO_WITHOUT "" CACHE STRING "x86 levels to leave out of libeao, e.g. AVX512;AVX512_VNNI")
set(without "0")
foreach(level ${EAO_WITHOUT})
  string(APPEND without "|EAO_CPU_${level}")
endforeach()

foreach(part ref fast rest)
  add_library(eao_device_${part} OBJECT ${device_${part}})
  target_link_libraries(eao_device_${part} PUBLIC eao_flags)
  target_compile_definitions(eao_device_${part} PRIVATE "EAO_WITHOUT_CPU=(${without})")
  target_compile_options(eao_device_${part} PRIVATE -ffunction-sections -fdata-sections
    -fno-asynchronous-unwind-tables -fno-unwind-tables -fvisibility=hidden)
  set_target_properties(eao_device_${part} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  list(APPEND device_objects $<TARGET_OBJECTS:eao_device_${part}>)
endforeach()
foreach(part ref rest)
  target_compile_options(eao_device_${part} PRIVATE $<$<CONFIG:Release>:-Os>)
endforeach()
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/base/wide_hash.c PROPERTIES
  COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)

find_package(Threads REQUIRED)
add_library(eao_device STATIC ${device_objects})
add_library(eao_device_shared SHARED ${device_objects})
foreach(lib eao_device eao_device_shared)
  set_target_properties(${lib} PROPERTIES OUTPUT_NAME eao EXPORT_NAME eao)
  target_link_libraries(${lib} PRIVATE $<BUILD_INTERFACE:eao_flags> PUBLIC Threads::Threads m)
  target_include_directories(${lib} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
set_target_properties(eao_device_shared PROPERTIES EXPORT_NAME eao_shared
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_options(eao_device_shared PRIVATE -Wl,--gc-sections
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/eao.map)
set_target_properties(eao_device_shared PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/eao.map)

include(CMakePackageConfigHelpers)
file(RELATIVE_PATH EAO_INCLUDE_FROM_LIB /${CMAKE_INSTALL_LIBDIR} /${CMAKE_INSTALL_INCLUDEDIR})
configure_file(${PROJECT_SOURCE_DIR}/cmake/eao.pc.in ${PROJECT_BINARY_DIR}/eao.pc @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/eao-config.cmake.in ${PROJECT_BINARY_DIR}/eao-config.cmake
               @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/eao-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(TARGETS eao_device eao_device_shared EXPORT eao-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT device
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT device
                NAMELINK_COMPONENT device)
install(EXPORT eao-targets NAMESPACE eao:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/eao
        COMPONENT device)
install(FILES ${PROJECT_BINARY_DIR}/eao-config.cmake ${PROJECT_BINARY_DIR}/eao-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/eao COMPONENT device)
install(FILES ${PROJECT_SOURCE_DIR}/include/eao/rt.h ${PROJECT_SOURCE_DIR}/include/eao/link.h
              ${PROJECT_SOURCE_DIR}/include/eao/types.h ${PROJECT_SOURCE_DIR}/include/eao/dtypes.def
              ${PROJECT_SOURCE_DIR}/include/eao/version.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eao COMPONENT device)
install(FILES ${PROJECT_BINARY_DIR}/eao.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT device)

add_executable(run_model ${PROJECT_SOURCE_DIR}/examples/run_model.c)
target_link_libraries(run_model PRIVATE eao_device eao_flags)
target_link_options(run_model PRIVATE -Wl,--gc-sections)
# Static, so that it can be copied to a device: eao optimize --device.
add_executable(device_bench ${PROJECT_SOURCE_DIR}/examples/device_bench.c)
target_link_libraries(device_bench PRIVATE eao_device eao_flags)
target_link_options(device_bench PRIVATE -Wl,--gc-sections)
if(NOT EAO_SANITIZE)
  target_link_options(device_bench PRIVATE -static)
endif()
install(TARGETS device_bench)
